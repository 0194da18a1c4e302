// A scatter plot on two canvases: points and labels below, and above them what moves
// (the star, its lines, the rings). Up to some 20,000 points.
import { element, onThemeChange, themeColours, wantsStillness } from "./dom.js";
import { createTable } from "./number_table.js";

const PADDING = 20; // px between the outermost points and the edge
const REACH = 14; // px within which a pointer finds a point
const TRAVEL = 350; // ms in which the star moves to its new place
const ZOOM_STEP = 1.5;
const MOST_ZOOM = 40;
const HELP = "Arrow keys move from point to point, plus and minus zoom, 0 shows all.";
const INKS = ["--ovs-ink", "--ovs-paper", "--ovs-muted", "--ovs-star", "--ovs-off"];

/**
 * Make a map of points.
 *
 * @param {object} options
 * @param {Float32Array} options.points x and y of every row in turn; y grows upwards
 * @param {number[]} options.groups the colour of every row: an index into `colours`
 * @param {string[]} options.colours names of custom properties
 * @param {{text: string, rows: number[], group?: number}[]} options.labels words to
 *   write at the middle of their rows, the most important first; those without room are
 *   left out. One with a group is written on a plate with a rim of that colour
 * @param {string} options.label what a screen reader calls the map
 * @param {(row: number) => string} options.describe what to read out at a point
 * @param {(row: number) => void} options.onPoint told which row is pointed at, or -1
 * @param {AbortSignal} options.signal ends all listening
 */
export function createScatter(options) {
  const { points, colours, label, describe, onPoint, signal } = options;
  let { groups, labels } = options;
  const rows = points.length / 2;
  const base = element("canvas", { "aria-hidden": "true" });
  const top = element("canvas", { "aria-hidden": "true" });
  const reader = element("span", { class: "ovs-unseen", "aria-live": "polite" });
  const table = element(
    "details",
    { class: "ovs-points", ontoggle: tellPoints },
    element("summary", {}, "The points of this map as a table"),
  );
  const stage = element(
    "div",
    {
      class: "ovs-stage",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "map",
      "aria-label": `${label} ${HELP}`,
    },
    base,
    top,
  );
  const el = element(
    "div",
    { class: "ovs-scatter" },
    stage,
    element(
      "div",
      { class: "ovs-zoom", role: "group", "aria-label": "Zoom" },
      zoomButton("+", "Zoom in", () => zoomBy(ZOOM_STEP)),
      zoomButton("−", "Zoom out", () => zoomBy(1 / ZOOM_STEP)),
      zoomButton("⤢", "Show the whole map", showAll),
    ),
    reader,
    table,
  );

  const extent = extentOf(points);
  const cells = gridOf(points, extent);
  let places = labels.map(({ rows: own }) => middle(own));
  let width = 0;
  let height = 0;
  let view = { scale: 1, x: 0, y: 0 }; // screen = scale * (x, -y) + offset
  let fit = view;
  let shown = null; // a row's entry is 0 when its group is switched off
  let marks = { star: null, rows: [], strengths: [] };
  let star = null; // where the star is drawn, on its way to marks.star
  let pointed = -1;
  let theme = null;
  let frame = 0;
  let stale = true; // whether the points must be drawn again
  let journey = null;

  function zoomButton(sign, name, onclick) {
    return element(
      "button",
      { type: "button", "aria-label": name, title: name, onclick },
      sign,
    );
  }

  /** Write the shown points into the table below the map, where it is unfolded. */
  function tellPoints() {
    table.querySelector(".ovs-table")?.remove();
    if (!table.open) return;
    const percent = (at, from, to) => `${Math.round((100 * (at - from)) / (to - from))} %`;
    const [left, bottom, right, topmost] = extent;
    const lines = [];
    for (let row = 0; row < rows; row++) {
      if (!isShown(row)) continue;
      const [x, y] = [points[2 * row], points[2 * row + 1]];
      lines.push([describe(row), percent(x, left, right), percent(y, bottom, topmost)]);
    }
    const titles = ["point", "from the left", "from below"];
    table.append(createTable(`${label} The points that are shown.`, titles, lines));
  }

  function middle(own) {
    const across = own.map((row) => points[2 * row]).sort((a, b) => a - b);
    const up = own.map((row) => points[2 * row + 1]).sort((a, b) => a - b);
    return [across[across.length >> 1], up[up.length >> 1]];
  }

  const screenX = (x) => view.scale * x + view.x;
  const screenY = (y) => view.y - view.scale * y;
  const isShown = (row) => !shown || shown[row] !== 0;
  const zoom = () => view.scale / fit.scale;

  // Drawing

  function redraw(pointsToo = true) {
    stale ||= pointsToo;
    frame ||= requestAnimationFrame(draw);
  }

  function draw(now) {
    frame = 0;
    if (width === 0 || signal.aborted) return;
    theme ??= readTheme();
    if (journey) travel(now);
    if (stale) drawPoints();
    drawMarks();
    stale = false;
    if (journey) redraw(false);
  }

  function travel(now) {
    journey.start ??= now;
    const part = Math.min(1, (now - journey.start) / TRAVEL);
    const eased = 1 - (1 - part) ** 3;
    star = journey.from.map((from, i) => from + (journey.to[i] - from) * eased);
    if (part === 1) journey = null;
  }

  function readTheme() {
    const inks = themeColours(el, INKS);
    return {
      groups: themeColours(el, colours),
      ...Object.fromEntries(INKS.map((name, i) => [name, inks[i]])),
    };
  }

  function brush(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  function pointSize() {
    const roomy = Math.sqrt((width * height) / Math.max(rows, 1)) / 5;
    return Math.max(1.1, Math.min(4.5, roomy)) * Math.min(2, zoom() ** 0.35);
  }

  /** Draw each colour in one pass: one path, one fill. */
  function drawPoints() {
    const context = brush(base);
    const size = pointSize();
    const round = rows <= 3000;
    const busy = marks.rows.length > 0;
    const paths = new Map();
    for (let row = 0; row < rows; row++) {
      const x = screenX(points[2 * row]);
      const y = screenY(points[2 * row + 1]);
      if (x < -size || y < -size || x > width + size || y > height + size) continue;
      const key = isShown(row) ? groups[row] : -1;
      let path = paths.get(key);
      if (!path) paths.set(key, (path = new Path2D()));
      if (round) {
        path.moveTo(x + size, y);
        path.arc(x, y, size, 0, 2 * Math.PI);
      } else {
        path.rect(x - size, y - size, 2 * size, 2 * size);
      }
    }
    for (const [key, path] of [...paths].sort(([a], [b]) => a - b)) {
      context.globalAlpha = key < 0 ? 0.5 : busy ? 0.62 : 0.85;
      context.fillStyle = key < 0 ? theme["--ovs-off"] : theme.groups[key];
      context.fill(path);
    }
    context.globalAlpha = 1;
    drawLabels(context);
  }

  /** Write the labels that have room, the first ones first. */
  function drawLabels(context) {
    context.font = `600 11px ${getComputedStyle(el).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = theme["--ovs-paper"];
    context.fillStyle = theme["--ovs-ink"];
    const taken = [];
    labels.forEach(({ text, rows: own, group }, i) => {
      if (!own.some(isShown)) return;
      const half = Math.max(9, context.measureText(text).width / 2 + 4);
      let [x, y] = [screenX(places[i][0]), screenY(places[i][1])];
      if (group !== undefined && x > 0 && y > 0 && x < width && y < height) {
        // A plate stands whole in the map, if its place is in view at all
        x = Math.max(half, Math.min(width - half, x));
        y = Math.max(9, Math.min(height - 9, y));
      }
      // A plate may move up or down a line to find room
      const shift = (group === undefined ? [0] : [0, 19, -19]).find((down) => {
        const box = [x - half, y + down - 9, x + half, y + down + 9];
        if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) return false;
        return !taken.some(
          (b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3],
        );
      });
      if (shift === undefined) return;
      y += shift;
      const box = [x - half, y - 9, x + half, y + 9];
      taken.push(box);
      if (group === undefined) {
        context.globalAlpha = 0.85;
        context.strokeText(text, x, y);
        context.globalAlpha = 1;
      } else {
        drawPlate(context, box, theme["--ovs-paper"], theme.groups[group]);
      }
      context.fillText(text, x, y);
    });
  }

  function drawMarks() {
    const context = brush(top);
    const size = pointSize();
    const paper = theme["--ovs-paper"];
    const colour = theme["--ovs-star"];
    if (star) {
      context.strokeStyle = colour;
      marks.rows.forEach((row, i) => {
        context.globalAlpha = 0.25 + 0.55 * marks.strengths[i];
        context.lineWidth = 0.8 + 1.2 * marks.strengths[i];
        context.beginPath();
        context.moveTo(screenX(star[0]), screenY(star[1]));
        context.lineTo(screenX(points[2 * row]), screenY(points[2 * row + 1]));
        context.stroke();
      });
      context.globalAlpha = 1;
    }
    for (const row of marks.rows) {
      disc(context, row, size + 2.6, paper);
      disc(context, row, size + 1.4, theme.groups[groups[row]]);
    }
    if (star) drawStar(context, screenX(star[0]), screenY(star[1]), colour, paper);
    if (pointed >= 0) {
      disc(context, pointed, size + 5, theme["--ovs-ink"]);
      disc(context, pointed, size + 3, paper);
      disc(context, pointed, size + 1.5, theme.groups[groups[pointed]]);
    }
  }

  function disc(context, row, radius, colour) {
    context.fillStyle = colour;
    context.beginPath();
    const [x, y] = [screenX(points[2 * row]), screenY(points[2 * row + 1])];
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  // Pointing

  function pointAt(row, aloud = false) {
    if (row !== pointed) {
      pointed = row;
      redraw(false);
      onPoint(row);
    }
    if (aloud) reader.textContent = row < 0 ? "" : describe(row);
  }

  /** Find the nearest point within reach of a place on the screen, or -1. */
  function nearestTo(px, py) {
    const x = (px - view.x) / view.scale;
    const y = (view.y - py) / view.scale;
    const reach = REACH / view.scale;
    let found = -1;
    let best = reach * reach;
    cells.near(x, y, reach, (row) => {
      const apart = (points[2 * row] - x) ** 2 + (points[2 * row + 1] - y) ** 2;
      if (apart < best && isShown(row)) {
        best = apart;
        found = row;
      }
    });
    return found;
  }

  /** Find the next point to the right, left, top or bottom: near, and ahead. */
  function nextTo(row, dx, dy) {
    let found = row;
    let best = Infinity;
    for (let other = 0; other < rows; other++) {
      if (other === row || !isShown(other)) continue;
      const x = points[2 * other] - points[2 * row];
      const y = points[2 * other + 1] - points[2 * row + 1];
      const ahead = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (ahead <= 0 || aside > ahead) continue;
      const cost = ahead + 2 * aside;
      if (cost < best) {
        best = cost;
        found = other;
      }
    }
    return found;
  }

  /** Find the shown point nearest to the star, or else to the middle of the view. */
  function firstPoint() {
    const x = marks.star ? marks.star[0] : (width / 2 - view.x) / view.scale;
    const y = marks.star ? marks.star[1] : (view.y - height / 2) / view.scale;
    let found = -1;
    let best = Infinity;
    for (let row = 0; row < rows; row++) {
      const apart = (points[2 * row] - x) ** 2 + (points[2 * row + 1] - y) ** 2;
      if (apart < best && isShown(row)) {
        best = apart;
        found = row;
      }
    }
    return found;
  }

  // Moving the view

  function setView(scale, x, y) {
    view = { scale, x, y };
    // A zoomed map is dragged; a whole one lets a finger scroll the page
    stage.classList.toggle("ovs-zoomed", zoom() > 1.01);
    redraw();
  }

  function zoomBy(factor, px = width / 2, py = height / 2) {
    const scale = fit.scale * Math.max(1, Math.min(MOST_ZOOM, zoom() * factor));
    if (scale === fit.scale) return showAll();
    const part = scale / view.scale;
    setView(scale, px - (px - view.x) * part, py - (py - view.y) * part);
  }

  function showAll() {
    setView(fit.scale, fit.x, fit.y);
  }

  /** Move the view, if it must, so that a row is well inside it. */
  function bringIntoView(row) {
    const [x, y] = [screenX(points[2 * row]), screenY(points[2 * row + 1])];
    const into = (at, size) => Math.max(PADDING, Math.min(size - PADDING, at)) - at;
    const [dx, dy] = [into(x, width), into(y, height)];
    if (dx || dy) setView(view.scale, view.x + dx, view.y + dy);
  }

  function resize() {
    const whole = view.scale <= fit.scale * 1.01;
    width = stage.clientWidth;
    height = stage.clientHeight;
    if (width === 0 || height === 0) return;
    const [left, bottom, right, topmost] = extent;
    const scale = Math.min(
      (width - 2 * PADDING) / (right - left),
      (height - 2 * PADDING) / (topmost - bottom),
    );
    fit = {
      scale,
      x: width / 2 - (scale * (left + right)) / 2,
      y: height / 2 + (scale * (bottom + topmost)) / 2,
    };
    if (whole) showAll();
    else redraw();
  }

  // Listening

  let drag = null;
  const listen = (type, act) => stage.addEventListener(type, act, { signal });
  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, view };
    if (zoom() > 1.01) stage.setPointerCapture(event.pointerId);
  });
  listen("pointermove", (event) => {
    if (drag && zoom() > 1.01 && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      setView(view.scale, drag.view.x + dx, drag.view.y + dy);
      return;
    }
    const box = stage.getBoundingClientRect();
    pointAt(nearestTo(event.clientX - box.left, event.clientY - box.top));
  });
  listen("pointerup", (event) => {
    const still = drag && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 4;
    drag = null;
    if (!still) return;
    const box = stage.getBoundingClientRect();
    pointAt(nearestTo(event.clientX - box.left, event.clientY - box.top), true);
  });
  listen("pointercancel", () => (drag = null));
  listen("pointerleave", (event) => {
    if (event.pointerType === "mouse" && !drag) pointAt(-1);
  });
  listen("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    zoomBy(ZOOM_STEP, event.clientX - box.left, event.clientY - box.top);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      const factor = Math.exp(-event.deltaY / 200);
      zoomBy(factor, event.clientX - box.left, event.clientY - box.top);
    },
    { signal, passive: false },
  );
  const steps = {
    ArrowRight: [1, 0],
    ArrowLeft: [-1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  listen("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => zoomBy(ZOOM_STEP),
      "=": () => zoomBy(ZOOM_STEP),
      "-": () => zoomBy(1 / ZOOM_STEP),
      0: showAll,
      Escape: () => pointAt(-1, true),
    }[event.key];
    const step = steps[event.key];
    if (!act && !step) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for arrows and digits
    if (act) return act();
    const row = pointed < 0 ? firstPoint() : nextTo(pointed, ...step);
    pointAt(row, true);
    if (row >= 0) bringIntoView(row);
  });
  listen("blur", () => pointAt(-1));

  const sizes = new ResizeObserver(resize);
  sizes.observe(stage);
  onThemeChange(() => {
    theme = null;
    redraw();
  }, signal);
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    cancelAnimationFrame(frame);
  });

  return {
    el,
    pointAt,
    /** Choose which rows are shown: one entry a row, 0 for off. */
    setShown(mask) {
      shown = mask;
      redraw();
      tellPoints();
    },
    /** Give the rows other colours and the map other labels, as in the options. */
    setGroups(nextGroups, nextLabels) {
      groups = nextGroups;
      labels = nextLabels;
      places = labels.map(({ rows: own }) => middle(own));
      redraw();
      tellPoints();
    },
    /**
     * Put the star at a place (or nowhere: null), joined to rows by lines whose
     * strengths run from 0 to 1.
     */
    setMarks(next) {
      marks = next;
      const to = next.star;
      if (to) stage.dataset.star = to.map((v) => v.toFixed(3)).join(" ");
      else delete stage.dataset.star;
      const jump = !to || !star || wantsStillness();
      journey = jump ? null : { from: star, to };
      if (jump) star = to;
      redraw();
      tellPoints();
    },
    show(row) {
      bringIntoView(row);
      pointAt(row);
    },
  };
}

/** Draw a label's plate: paper, so that its text is as readable as any, and a rim. */
function drawPlate(context, [left, upper, right, lower], paper, rim) {
  const path = new Path2D();
  path.roundRect(left + 1, upper + 1, right - left - 2, lower - upper - 2, 8);
  const ink = context.fillStyle;
  context.fillStyle = paper;
  context.fill(path);
  context.save();
  context.strokeStyle = rim;
  context.lineWidth = 2.5;
  context.stroke(path);
  context.restore();
  context.fillStyle = ink;
}

function drawStar(context, x, y, colour, halo) {
  const path = new Path2D();
  for (let i = 0; i < 10; i++) {
    const radius = i % 2 === 0 ? 9 : 3.8;
    const angle = (i * Math.PI) / 5 - Math.PI / 2;
    path.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  path.closePath();
  context.lineJoin = "round";
  context.strokeStyle = halo;
  context.lineWidth = 3;
  context.stroke(path);
  context.fillStyle = colour;
  context.fill(path);
}

/** Return [left, bottom, right, top] of the points, never flat. */
function extentOf(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    box[0] = Math.min(box[0], points[i]);
    box[1] = Math.min(box[1], points[i + 1]);
    box[2] = Math.max(box[2], points[i]);
    box[3] = Math.max(box[3], points[i + 1]);
  }
  if (points.length === 0) return [0, 0, 1, 1];
  for (const axis of [0, 1]) {
    if (box[axis + 2] - box[axis] > 0) continue;
    box[axis] -= 0.5;
    box[axis + 2] += 0.5;
  }
  return box;
}

/** Sort the points into square cells, so that a pointer looks into a few only. */
function gridOf(points, [left, bottom, right, top]) {
  const side = Math.max(right - left, top - bottom) / 64;
  const cells = new Map();
  const key = (column, line) => column * 1024 + line;
  for (let row = 0; row < points.length / 2; row++) {
    const column = Math.floor((points[2 * row] - left) / side);
    const line = Math.floor((points[2 * row + 1] - bottom) / side);
    const own = cells.get(key(column, line));
    if (own) own.push(row);
    else cells.set(key(column, line), [row]);
  }
  return {
    near(x, y, reach, visit) {
      const column = (at) => Math.floor((at - left) / side);
      const line = (at) => Math.floor((at - bottom) / side);
      for (let c = column(x - reach); c <= column(x + reach); c++) {
        for (let l = line(y - reach); l <= line(y + reach); l++) {
          cells.get(key(c, l))?.forEach(visit);
        }
      }
    },
  };
}
