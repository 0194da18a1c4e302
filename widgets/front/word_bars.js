// A sentence's words, and below each a bar: how the number changes without it.
import { element, shorten } from "./dom.js";

// A word, with what holds its parts together: don't, 3.5, well-known
const WORD = /[\p{L}\p{N}_]+(?:['’.,-][\p{L}\p{N}_]+)*/gu;

const MOST_SHOWN = 256; // no model here reads so many: a pasted book stays a page

/**
 * Find where each word of a text begins and ends, of the first `most` words; signs
 * between are no words.
 */
export function wordsOf(text, most = Infinity) {
  const words = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (words.length >= most) break;
    words.push([index, index + word.length]);
  }
  return words;
}

/** The text without each of its first words in turn; null where nothing would be left. */
export function withoutEach(text, most = Infinity) {
  const words = wordsOf(text, Math.max(2, most));
  if (words.length < 2) return words.map(() => null);
  return words.slice(0, most).map(([start, end]) => text.slice(0, start) + text.slice(end));
}

/**
 * Make the words of one sentence. `onPoint(word)` is called with a word's place while
 * it is pointed at, and with -1 after.
 */
export function createWordBars({ name, onPoint }) {
  const list = element("div", { class: "ovs-words", role: "list" });
  let items = [];
  let stop = 0; // the one word that the Tab key leads to

  function makeWord(text, [start, end], index, all) {
    const before = index === 0 ? text.slice(0, start) : "";
    const after = text.slice(end, all[index + 1]?.[0] ?? text.length);
    const number = element("span", { class: "ovs-change" });
    const bar = element("span", { class: "ovs-change-bar" });
    const button = element(
      "button",
      {
        type: "button",
        class: "ovs-word",
        tabindex: index === stop ? "0" : "-1",
        onfocus: () => {
          items[stop]?.button.setAttribute("tabindex", "-1");
          stop = index;
          button.setAttribute("tabindex", "0");
          onPoint(index);
        },
        onclick: () => onPoint(index), // Safari gives a pressed button no focus
        onblur: () => onPoint(-1),
        onpointerenter: () => onPoint(index),
        onpointerleave: () => onPoint(-1),
      },
      element(
        "span",
        { class: "ovs-word-text", dir: "auto" },
        shorten(before.trim()),
        element("span", { class: "ovs-word-itself" }, shorten(text.slice(start, end))),
        shorten(after.trim()),
      ),
      element("span", { class: "ovs-change-stage", "aria-hidden": "true" }, bar),
      number,
    );
    const item = element("div", { role: "listitem" }, button);
    return { item, button, bar, number };
  }

  list.addEventListener("keydown", (event) => {
    const to = {
      ArrowRight: stop + 1,
      ArrowLeft: stop - 1,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab moves between cells by these keys
    items[to]?.button.focus();
  });

  return {
    el: list,
    /** Show a text's words; their changes come later. */
    show(text) {
      stop = 0;
      const words = wordsOf(text, MOST_SHOWN + 1);
      items = words.slice(0, MOST_SHOWN).map((span, i) => makeWord(text, span, i, words));
      list.setAttribute("aria-label", `${name}, and what changes without each word`);
      list.replaceChildren(...items.map(({ item }) => item));
      if (words.length > MOST_SHOWN) {
        const rest = `Only the first ${MOST_SHOWN} words are shown.`;
        list.append(element("div", { role: "listitem" }, rest));
      }
    },
    /** Show the changes, null where there is none; `most` has the longest bar. */
    showChanges(changes, most) {
      items.forEach(({ button, bar, number }, i) => {
        const change = changes[i] ?? null;
        number.textContent = change === null ? "–" : signedChange(change);
        bar.style.setProperty("--part", change === null ? "0" : (change / most).toFixed(3));
        bar.classList.toggle("ovs-up", change > 0);
        bar.classList.toggle("ovs-down", change < 0);
        button.classList.toggle("ovs-waits", change === null);
      });
    },
    mark(word) {
      items.forEach(({ button }, i) => button.classList.toggle("ovs-left-out", i === word));
    },
  };
}

/** A change of a cosine with its sign. */
export function signedChange(change) {
  const size = Math.abs(change).toFixed(3);
  if (Number(size) === 0) return "0.000";
  return `${change < 0 ? "−" : "+"}${size}`;
}
