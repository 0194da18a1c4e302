// A row of numbers as a strip of colours: one colour below zero, another above it.
import { element, themeColours } from "./dom.js";

const ENDS = ["--ovs-below", "--ovs-zero", "--ovs-above"];
const STEPS = 127;
export const FAINT = 0.13; // how much is left of what does not count

/** The 255 colours from the lowest to the highest, in the theme of `place`. */
export function stripColours(place) {
  const [below, zero, above] = themeColours(place, ENDS).map((colour) =>
    colour.match(/[\d.]+/g).slice(0, 3).map(Number),
  );
  const colours = new Uint8ClampedArray(3 * (2 * STEPS + 1));
  for (let step = -STEPS; step <= STEPS; step++) {
    const end = step < 0 ? below : above;
    // A little stronger near zero, where most numbers are
    const part = (Math.abs(step) / STEPS) ** 0.8;
    end.forEach((value, i) => {
      colours[3 * (step + STEPS) + i] = zero[i] + (value - zero[i]) * part;
    });
  }
  return colours;
}

/** Make a canvas that is one number high; its style says how high it looks. */
export function createStrip(width, name = "ovs-strip") {
  return element("canvas", { width, height: 1, class: name, "aria-hidden": "true" });
}

/**
 * Paint numbers on a strip. `scale` is the number of the strongest colour;
 * `strength(i)` says how much of number i is seen, from 0 to 1.
 */
export function paintStrip(canvas, values, scale, colours, strength = () => 1) {
  const picture = new ImageData(values.length, 1);
  values.forEach((value, i) => {
    const part = Math.max(-1, Math.min(1, value / scale));
    const at = 3 * (Math.round(part * STEPS) + STEPS);
    for (let k = 0; k < 3; k++) picture.data[4 * i + k] = colours[at + k];
    picture.data[4 * i + 3] = 255 * strength(i);
  });
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Tell which number of its strip a pointer's event is on. */
export function numberAt({ currentTarget: strip, clientX }) {
  const { left, width } = strip.getBoundingClientRect();
  const number = Math.floor(((clientX - left) / width) * strip.width);
  return Math.max(0, Math.min(strip.width - 1, number));
}

/** Make the legend of the colours. `show(width, scale)` writes its two ends. */
export function createStripLegend() {
  const title = element("span");
  const low = element("span");
  const high = element("span");
  const el = element(
    "div",
    { class: "ovs-legend" },
    title,
    low,
    element("span", { class: "ovs-ramp", "aria-hidden": "true" }),
    high,
  );
  return {
    el,
    show(width, scale) {
      title.textContent = width > 0 ? `${width} numbers` : "";
      low.textContent = `−${Number(scale.toPrecision(2))}`;
      high.textContent = `+${Number(scale.toPrecision(2))}`;
    },
  };
}
