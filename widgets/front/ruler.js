// A ruler for cosines, with marks to compare with.
import { element } from "./dom.js";

const USUAL_LOW = -0.2; // cosines of sentences seldom lie below

/**
 * Make a ruler. `marks` is a list of `{label, value}`.
 *
 * `show(value, other)` puts the hand at a cosine, and a second, fainter one at `other`;
 * null for none.
 */
export function createRuler(marks) {
  const hand = element("span", { class: "ovs-hand" });
  const ghost = element("span", { class: "ovs-hand ovs-ghost" });
  const track = element("div", { class: "ovs-track" });
  const el = element("div", { class: "ovs-ruler", "aria-hidden": "true" }, track);
  let low = null;

  const place = (value) => `${(100 * (value - low)) / (1 - low)}%`;

  function at(value, made) {
    made.style.insetInlineStart = place(Math.max(low, Math.min(1, value)));
    return made;
  }

  function drawTrack() {
    const step = low < USUAL_LOW ? 0.5 : 0.2;
    const ticks = [];
    for (let i = 0; low + i * step < 1.001; i++) {
      const value = Math.round(10 * (low + i * step)) / 10;
      const text = String(value).replace("-", "−");
      ticks.push(at(value, element("span", { class: "ovs-tick" }, text)));
    }
    const flags = marks.map(({ label, value }, i) => {
      const flag = element("span", { class: "ovs-flag" }, element("span", {}, label));
      // A label near an end must not stick out
      flag.style.setProperty("--lean", value > 0.7 ? "-100%" : value < 0.2 ? "0%" : "-50%");
      flag.style.setProperty("--level", i % 2); // neighbours don't write over each other
      return at(value, flag);
    });
    track.replaceChildren(...ticks, ...flags, ghost, hand);
  }

  return {
    el,
    show(value, other = null) {
      const shown = [value, other].filter((one) => one !== null);
      const needed = Math.min(...shown, ...marks.map((mark) => mark.value)) < USUAL_LOW;
      const next = needed ? -1 : USUAL_LOW;
      if (next !== low) {
        low = next;
        drawTrack();
      }
      hand.hidden = value === null;
      ghost.hidden = other === null;
      if (value !== null) at(value, hand);
      if (other !== null) at(other, ghost);
    },
  };
}
