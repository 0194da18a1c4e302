// A sentence's token matrix: for each token its name, where attention goes, and its
// vector as a strip. Long sentences scroll inside.
import { element, wantsStillness } from "./dom.js";
import { createStrip, numberAt, paintStrip } from "./strip.js";

const GROW = 450; // ms in which a new row grows from its first number to its last

/**
 * Make the rows of one sentence.
 *
 * `onPoint(token, number)` is called with the token and the number of its vector that
 * the reader points at, each -1 for none; `ahead(step)` is asked for the number that
 * the left and right arrow keys lead to.
 */
export function createTokenRows({ name, onPoint, ahead }) {
  const rows = element("div", { class: "ovs-rows", role: "list" });
  const el = element("div", { class: "ovs-scroller" }, rows);
  let items = []; // {row, token, share, bar, strip} for each token
  let tokens = [];
  let stop = 0; // the one row that the Tab key leads to

  function makeRow(token, index) {
    const goes = tokens[index + 1]?.startsWith("##") ?? false;
    const share = element("span", { class: "ovs-share" });
    const bar = element("span", { class: "ovs-look-bar" });
    const piece = token.startsWith("##")
      ? [element("span", { class: "ovs-hash" }, "##"), token.slice(2)]
      : [token];
    const label = element(
      "button",
      {
        type: "button",
        class: "ovs-token",
        tabindex: index === stop ? "0" : "-1",
        "aria-label": `${token}, token ${index + 1} of ${tokens.length}`,
        title: token,
        onfocus: () => {
          moveStop(index);
          onPoint(index, ahead(0));
        },
        onclick: () => onPoint(index, ahead(0)), // Safari gives a pressed button no focus
        onblur: () => onPoint(-1, -1),
      },
      ...piece,
    );
    const strip = createStrip(1);
    const row = element(
      "div",
      { class: "ovs-row", role: "listitem" },
      label,
      element("span", { class: "ovs-look", "aria-hidden": "true" }, bar, share),
      strip,
    );
    // A word's pieces hang together
    label.classList.toggle("ovs-joined-up", token.startsWith("##"));
    label.classList.toggle("ovs-joined-down", goes);
    row.addEventListener("pointerenter", () => onPoint(index, -1));
    row.addEventListener("pointerleave", () => onPoint(-1, -1));
    strip.addEventListener("pointermove", (event) => onPoint(index, numberAt(event)));
    strip.addEventListener("pointerleave", () => onPoint(index, -1));
    return { row, label, share, bar, strip };
  }

  function moveStop(index) {
    items[stop]?.label.setAttribute("tabindex", "-1");
    stop = index;
    items[stop]?.label.setAttribute("tabindex", "0");
  }

  rows.addEventListener("keydown", (event) => {
    const to = {
      ArrowDown: stop + 1,
      ArrowUp: stop - 1,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (to === undefined && !along) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab moves between cells by these keys
    if (along) onPoint(stop, ahead(along * (event.shiftKey ? 16 : 1)));
    else items[to]?.label.focus();
  });

  return {
    el,
    get tokens() {
      return tokens;
    },
    /** Show these tokens; rows that were not there before grow. */
    show(next) {
      const old = tokens;
      tokens = next;
      stop = 0;
      items = tokens.map(makeRow);
      rows.replaceChildren(...items.map(({ row }) => row));
      rows.setAttribute("aria-label", `${name}: ${tokens.length} tokens`);
      el.scrollTop = 0;
      return items.flatMap((_, i) => (old[i] === tokens[i] ? [] : [i]));
    },
    /** Let rows grow number by number, the later ones later. */
    grow(which, pace = GROW) {
      if (wantsStillness()) return;
      which.forEach((index, place) => {
        items[index]?.strip.animate(
          [{ clipPath: "inset(0 100% 0 0)" }, { clipPath: "inset(0)" }],
          { duration: pace, delay: Math.min(place * 30, 400), fill: "backwards" },
        );
      });
    },
    /** Paint the matrix; `strength(token, i)` is how much of a number is seen. */
    paint(matrix, width, scale, colours, strength) {
      items.forEach(({ strip }, token) => {
        if (strip.width !== width) strip.width = width;
        const values = matrix.subarray(token * width, (token + 1) * width);
        paintStrip(strip, values, scale, colours, (i) => strength(token, i));
      });
    },
    /** Write each token's share of attention, or nothing. */
    showShares(shares, picked) {
      items.forEach(({ row, bar, share }, token) => {
        row.classList.toggle("ovs-picked", token === picked);
        bar.style.setProperty("--share", shares ? shares[token].toFixed(4) : "0");
        share.textContent = shares ? percent(shares[token]) : "";
      });
    },
    /** The strips that are in sight, with their token: [[token, canvas], ...]. */
    inSight() {
      const frame = el.getBoundingClientRect();
      return [...items.entries()]
        .filter(([, { strip }]) => {
          const { top, bottom } = strip.getBoundingClientRect();
          return bottom > frame.top && top < frame.bottom;
        })
        .map(([token, { strip }]) => [token, strip]);
    },
  };
}

/** A share in percent, short enough for a narrow column. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "<1\u202f%";
  return `${Math.round(100 * share)}\u202f%`; // a narrow space that breaks no line
}
