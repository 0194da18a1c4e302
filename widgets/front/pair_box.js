// Two boxes for two sentences, and a button for each pair worth trying.
import { element } from "./dom.js";
import { createQueryBox } from "./query_box.js";

/**
 * Make the boxes. `pairs` is a list of `{label, texts: [first, second]}`.
 *
 * `onTexts([first, second])` is called at every change, `onReach()` when the reader
 * first reaches for a box.
 */
export function createPairBox({ pairs, onTexts, onReach }) {
  let reached = false;
  const boxes = ["First sentence", "Second sentence"].map((label) =>
    createQueryBox({
      label,
      type: "text",
      placeholder: "Type a sentence …",
      examples: [],
      onText: changed,
      onReach: () => {
        if (!reached) onReach();
        reached = true;
      },
    }),
  );
  const chips = pairs.map(({ label, texts }) =>
    element(
      "button",
      {
        type: "button",
        class: "ovs-chip",
        "aria-pressed": "false",
        title: texts.join(" / "),
        onclick: () => set(texts),
      },
      label,
    ),
  );
  const el = element(
    "div",
    { class: "ovs-query" },
    element("div", { class: "ovs-pair" }, ...boxes.map((box) => box.el)),
  );
  if (chips.length > 0) {
    el.append(
      element(
        "div",
        { class: "ovs-chips", role: "group", "aria-label": "Pairs to try" },
        ...chips,
      ),
    );
  }

  const texts = () => boxes.map(({ input }) => input.value);

  function changed() {
    press();
    onTexts(texts());
  }

  /** Show which pair stands in the boxes. */
  function press() {
    const now = texts().map((text) => text.trim());
    chips.forEach((chip, i) => {
      const own = pairs[i].texts.every((text, side) => text.trim() === now[side]);
      chip.setAttribute("aria-pressed", String(own));
    });
  }

  function set(next) {
    boxes.forEach(({ input }, side) => (input.value = next[side]));
    changed();
  }

  return { el, set, texts };
}
