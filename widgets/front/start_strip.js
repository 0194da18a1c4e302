// Starts of k-means as dots on a line, by the inertia they end with: lower is better.
import { element } from "./dom.js";

const BIN = 4; // percent of the line within which dots are stacked

/**
 * Make an empty strip. `onChoose(seed)` is called when a dot is chosen; `show(starts,
 * seed, note)` draws a dot for each `{seed, inertia}`, marks the best one and the
 * chosen (two starts at least are a picture), and says the note.
 */
export function createStartStrip({ onChoose }) {
  // Arrow keys move between radio buttons of one name, and names must not be shared
  const group = `ovs-start-${Math.random().toString(36).slice(2)}`;
  const dots = element("div", { class: "ovs-dots" });
  const low = element("span");
  const high = element("span");
  const ends = element("div", { class: "ovs-ends", "aria-hidden": "true" }, low, high);
  const words = element("p", { class: "ovs-luck", role: "status" });
  const el = element(
    "fieldset",
    { class: "ovs-starts" },
    element("legend", {}, "Starts tried, by inertia: lower is better"),
    dots,
    ends,
    words,
  );

  function dot({ seed, inertia }, left, level, best, chosen) {
    const input = element("input", {
      type: "radio",
      name: group,
      class: "ovs-unseen",
      value: String(seed),
      "aria-label": `Start ${seed}: inertia ${inertia.toFixed(3)}${best ? ", the best" : ""}`,
      onchange: () => onChoose(seed),
    });
    input.checked = chosen;
    const mark = element("span", { class: best ? "ovs-dot ovs-best" : "ovs-dot" });
    const label = element(
      "label",
      { class: "ovs-start", title: input.getAttribute("aria-label") },
      input,
      mark,
    );
    label.style.insetInlineStart = `${left}%`;
    label.style.setProperty("--level", String(level));
    return label;
  }

  dots.hidden = ends.hidden = true;

  return {
    el,
    show(starts, chosen, note) {
      words.textContent = note;
      dots.hidden = ends.hidden = starts.length < 2;
      if (dots.hidden) return;
      const sorted = [...starts].sort((a, b) => a.inertia - b.inertia || a.seed - b.seed);
      const best = sorted[0].inertia;
      const spread = sorted.at(-1).inertia - best;
      const stacks = [];
      let highest = 0;
      const hadFocus = dots.contains(document.activeElement);
      dots.replaceChildren(
        ...sorted.map((start, i) => {
          // What differs by rounding alone is one place
          const left = spread > 1e-6 * best ? (100 * (start.inertia - best)) / spread : 0;
          const level = stacks.filter((other) => left - other < BIN).length;
          stacks.push(left);
          highest = Math.max(highest, level);
          return dot(start, left, level, i === 0, start.seed === chosen);
        }),
      );
      dots.style.setProperty("--levels", String(highest + 1));
      if (hadFocus) dots.querySelector("input:checked")?.focus();
      low.textContent = best.toFixed(3);
      high.textContent = spread > 1e-6 * best ? (best + spread).toFixed(3) : "";
    },
  };
}
