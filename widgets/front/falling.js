// How a matrix collapses: copies of its rows fall onto the vector that they make.
import { wantsStillness } from "./dom.js";
import { createStrip } from "./strip.js";

const DURATION = 900;
const LATEST = 400; // ms after the first row at which the last one starts
export const FALL = DURATION + LATEST; // ms until all is still
const copiesOf = new WeakMap(); // what falls onto a target

/**
 * Let copies of some strips fall onto a target, one after the other.
 *
 * @param {object} options
 * @param {Element} options.picture holds the copies, over all that it shows
 * @param {HTMLCanvasElement} options.target the vector's strip, which appears at the end
 * @param {[number, HTMLCanvasElement][]} options.strips each with its token
 * @param {(strip: HTMLCanvasElement, token: number) => void} options.paint paints a copy
 * @param {number} options.rest the opacity with which a copy arrives
 */
export function letFall({ picture, target, strips, paint, rest }) {
  for (const animation of target.getAnimations()) animation.cancel();
  copiesOf.get(target)?.forEach((copy) => copy.remove());
  if (wantsStillness()) return;
  const frame = picture.getBoundingClientRect();
  const goal = target.getBoundingClientRect();
  const copies = strips.map(([token, strip], turn) => {
    const { left, top, width, height } = strip.getBoundingClientRect();
    const copy = createStrip(strip.width, "ovs-falling");
    paint(copy, token);
    copy.style.cssText =
      `left: ${left - frame.left}px; top: ${top - frame.top}px;` +
      `width: ${width}px; height: ${height}px`;
    picture.append(copy);
    const move = `translateY(${goal.top - top}px) scaleY(${goal.height / height})`;
    const fall = copy.animate(
      [
        { transform: "none", opacity: 1 },
        { transform: move, opacity: rest },
      ],
      {
        duration: DURATION,
        delay: Math.min(turn * 40, LATEST),
        easing: "cubic-bezier(0.5, 0, 0.2, 1)",
        fill: "both",
      },
    );
    fall.onfinish = () => copy.remove();
    return copy;
  });
  copiesOf.set(target, copies);
  target.animate([{ opacity: 0 }, { opacity: 0, offset: 0.65 }, { opacity: 1 }], FALL);
}
