// A ranked list of sentences with their scores.
import { element, shorten } from "./dom.js";

/**
 * Make an empty list of hits.
 *
 * `onPoint(row)` is called with a hit's row while it is hovered or focused and with
 * -1 after; `onChoose(row)` when it is pressed. `show(query, hits)` fills the list;
 * a hit is `{row, score, text, topic, colour}`, `colour` a CSS value or "".
 */
export function createHitList({ onPoint, onChoose }) {
  const list = element("ol", { class: "ovs-hits", role: "list", tabindex: "-1" });
  const items = new Map();

  function makeItem({ row, score, text, topic, colour }) {
    const swatch = element("span", { class: "ovs-swatch", "aria-hidden": "true" });
    if (colour) swatch.style.background = colour;
    const bar = element("span", { class: "ovs-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", Math.max(0, Math.min(1, score)).toFixed(3));
    const words = element("span", { class: "ovs-hit-text", dir: "auto" }, text);
    if (topic) {
      words.append(" ", element("span", { class: "ovs-hit-topic" }, swatch, topic));
    }
    const button = element(
      "button",
      {
        type: "button",
        class: "ovs-hit",
        onclick: () => onChoose(row),
        onpointerenter: () => onPoint(row),
        onpointerleave: () => onPoint(-1),
        onfocus: () => onPoint(row),
        onblur: () => onPoint(-1),
      },
      words,
      element("span", { class: "ovs-score" }, score.toFixed(4)),
      bar,
    );
    const item = element("li", { "data-row": String(row) }, button);
    items.set(row, item);
    return item;
  }

  return {
    el: list,
    show(query, hits) {
      items.clear();
      list.setAttribute(
        "aria-label",
        query ? `Hits: ${hits.length} for “${shorten(query)}”` : "Hits: none yet",
      );
      list.replaceChildren(...hits.map(makeItem));
    },
    mark(row) {
      for (const [own, item] of items) item.classList.toggle("ovs-marked", own === row);
    },
  };
}
