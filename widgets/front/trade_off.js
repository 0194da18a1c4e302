// A plot of what models score against what they cost, as an SVG drawing.
import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 46, right: 18, top: 26, bottom: 44 };
const HEIGHT = 340;
const NAMED_FROM = 520; // px of width from which names have room beside their points
const SIGN = 6.7; // px that a letter of a name takes, roughly

/**
 * Make an empty plot. `show(points, axes)` draws it: a point is `{number, name, x, y,
 * low, high, fits, onFront, published}`, `axes` is `{x, y, better, label}`: the names
 * of the axes, whether "more" or "less" of x is better, and what a screen reader hears.
 * `mark(number)` makes one point stand out.
 */
export function createTradeOff({ onPoint, signal }) {
  const drawing = svg("svg", { role: "img", class: "ovs-plot-drawing" });
  const el = element("div", { class: "ovs-plot" }, drawing);
  let points = [];
  let axes = null;
  let width = 0;

  const sizes = new ResizeObserver(() => {
    if (el.clientWidth === width) return;
    width = el.clientWidth;
    draw();
  });
  sizes.observe(el);
  signal.addEventListener("abort", () => sizes.disconnect());

  function draw() {
    if (width === 0 || !axes) return;
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    drawing.setAttribute("height", String(HEIGHT));
    drawing.setAttribute("aria-label", axes.label);
    drawing.replaceChildren();
    if (points.length === 0) return;
    const across = logScale(
      points.map(({ x }) => x),
      [MARGIN.left + 16, width - MARGIN.right - 16],
    );
    const up = linearScale(
      points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y]),
      [HEIGHT - MARGIN.bottom, MARGIN.top],
    );
    drawAxes(across, up);
    const front = points
      .filter(({ onFront }) => onFront)
      .sort((a, b) => a.x - b.x)
      .map(({ x, y }) => `${across.at(x)},${up.at(y)}`);
    if (front.length > 1) {
      drawing.append(svg("polyline", { points: front.join(" "), class: "ovs-front" }));
    }
    const named = width >= NAMED_FROM ? namePlaces(across, up) : new Map();
    // What fits lies above what doesn't
    for (const point of [...points].sort((a, b) => a.fits - b.fits)) {
      drawing.append(drawPoint(point, across.at(point.x), up.at, named.get(point)));
    }
  }

  function drawAxes(across, up) {
    const floor = HEIGHT - MARGIN.bottom;
    for (const tick of up.ticks) {
      const y = up.at(tick);
      drawing.append(
        svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y, class: "ovs-grid" }),
        text(String(tick), MARGIN.left - 7, y + 4, "end", "ovs-plot-tick"),
      );
    }
    for (const tick of across.ticks) {
      const x = across.at(tick);
      drawing.append(
        svg("line", { x1: x, x2: x, y1: floor, y2: floor + 4, class: "ovs-grid" }),
        text(tick.toLocaleString("en"), x, floor + 17, "middle", "ovs-plot-tick"),
      );
    }
    const ahead = axes.better === "more" ? `${axes.x} →` : `← ${axes.x}`;
    drawing.append(
      text(ahead, (MARGIN.left + width - MARGIN.right) / 2, HEIGHT - 8, "middle", "ovs-axis"),
      text(axes.y, MARGIN.left - 38, MARGIN.top - 12, "start", "ovs-axis"),
    );
  }

  function drawPoint(point, x, upAt, name) {
    const y = upAt(point.y);
    const kind = [
      "ovs-point",
      point.fits ? "ovs-fits" : "",
      point.onFront ? "ovs-on-front" : "",
    ];
    const group = svg("g", {
      class: kind.filter(Boolean).join(" "),
      "data-number": point.number,
    });
    group.addEventListener("pointerenter", () => onPoint(point.number));
    group.addEventListener("pointerleave", () => onPoint(-1));
    if (point.low !== null) {
      group.append(
        svg("line", { x1: x, x2: x, y1: upAt(point.low), y2: upAt(point.high), class: "ovs-whisker" }),
      );
    }
    group.append(
      point.published
        ? svg("rect", { x: x - 10, y: y - 10, width: 20, height: 20, rx: 3 })
        : svg("circle", { cx: x, cy: y, r: 11 }),
      text(String(point.number), x, y + 4, "middle", "ovs-number-in"),
    );
    if (name) group.append(text(point.name, name.x, name.y + 4, "middle", "ovs-name"));
    return group;
  }

  /** Place the names where they meet no point and no other name, the fitting first. */
  function namePlaces(across, up) {
    const taken = points.map(({ x, y }) => boxAround(across.at(x), up.at(y), 12, 12));
    const places = new Map();
    for (const point of [...points].sort((a, b) => b.fits - a.fits)) {
      const [x, y] = [across.at(point.x), up.at(point.y)];
      const half = (point.name.length * SIGN) / 2;
      const spots = [
        [x + 17 + half, y],
        [x - 17 - half, y],
        [x, y - 22],
        [x, y + 22],
        [x + half, y - 22],
        [x + half, y + 22],
        [x - half, y - 22],
        [x - half, y + 22],
      ];
      const spot = spots.find(([middle, line]) => {
        const box = boxAround(middle, line, half, 8);
        const inside = box[0] > MARGIN.left && box[2] < width && box[1] > 0;
        return inside && box[3] < HEIGHT - MARGIN.bottom && !taken.some((b) => meet(b, box));
      });
      if (!spot) continue;
      taken.push(boxAround(...spot, half, 8));
      places.set(point, { x: spot[0], y: spot[1] });
    }
    return places;
  }

  return {
    el,
    show(nextPoints, nextAxes) {
      points = nextPoints;
      axes = nextAxes;
      draw();
    },
    mark(number) {
      for (const group of drawing.querySelectorAll("[data-number]")) {
        group.classList.toggle("ovs-marked", group.dataset.number === String(number));
      }
    },
  };
}

function boxAround(x, y, halfWidth, halfHeight) {
  return [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
}

function meet(one, other) {
  return (
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
  );
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, String(value));
  }
  return made;
}

function text(words, x, y, anchor, name) {
  const made = svg("text", { x, y, "text-anchor": anchor, class: name });
  made.textContent = words;
  return made;
}

function logScale(values, [from, to]) {
  const low = Math.log(Math.min(...values) / 1.25);
  const high = Math.log(Math.max(...values) * 1.25);
  const ticks = [];
  for (let power = -3; power <= 5; power++) {
    for (const step of high - low > Math.log(60) ? [1] : [1, 2, 5]) {
      const tick = Number((step * 10 ** power).toPrecision(1));
      if (Math.log(tick) >= low && Math.log(tick) <= high) ticks.push(tick);
    }
  }
  return {
    ticks,
    at: (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from),
  };
}

function linearScale(values, [from, to]) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const step = [1, 2, 5, 10, 20].find((size) => (most - least) / size <= 6) ?? 50;
  const low = Math.floor(least / step) * step;
  const high = Math.max(low + step, Math.ceil(most / step) * step);
  const ticks = [];
  for (let tick = low; tick <= high; tick += step) ticks.push(tick);
  return { ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}
