// PairProbe: two sentences, one number, and which words move it: each word of both is
// left out in turn. One module for two hosts: {kind: "encode", id, texts} out,
// {kind: "answer", id, width} back, with one vector of floats for each text.
import { floatsOf } from "./corpus_map.js";
import { element, shorten } from "./dom.js";
import { createNews } from "./news.js";
import { cosineText, createTable } from "./number_table.js";
import { createPairBox } from "./pair_box.js";
import { cosineOf } from "./pooling.js";
import { createAsker, readableTexts } from "./query_box.js";
import { createRuler } from "./ruler.js";
import { createWordBars, signedChange, withoutEach, wordsOf } from "./word_bars.js";

const REST = 250; // ms of quiet before words are left out
const MOST_WORDS = 40; // of each sentence that are left out in turn
const LISTED_WORDS = 5;
const LEAST_SPAN = 0.1; // bars of changes smaller than this stay short
const ORDINALS = ["first", "second"];
const POINT_AT_WORD = "Point at a word, or walk with the arrow keys, to leave it out.";

function renderPairProbe({ model, el, signal: hostSignal }) {
  // Colab's anywidget gives no signal, it calls the function that render returns
  const ending = new AbortController();
  const { signal } = ending;
  hostSignal?.addEventListener("abort", () => ending.abort());

  const pairs = model.get("pairs");
  const marks = model.get("marks");
  let texts = ["", ""]; // as they stand in the boxes
  let shown = null; // {texts, cosine, without, vectors, note} of the newest answer
  let left = { side: 0, word: -1 }; // the word that is pointed at
  let timer = 0;

  const box = createPairBox({
    pairs,
    onTexts: read,
    onReach: () => pairAsker.warm(),
  });
  const news = createNews(model, { onAgain: () => read(box.texts()), signal });
  const onFail = (_, error) => news.fail(`The model can't be reached: ${error.message}`);
  const payload = (asked) => ({ texts: asked.texts });
  const pairAsker = createAsker(model, {
    kind: "encode",
    payload,
    signal,
    onAnswer: takePair,
    onWait: () => news.wait(),
    onFail,
  });
  const wordAsker = createAsker(model, {
    kind: "encode",
    payload,
    signal,
    onAnswer: takeWords,
    onWait: () => {},
    onFail,
  });
  signal.addEventListener("abort", () => clearTimeout(timer));

  const number = element("span", { class: "ovs-cosine" });
  const ruler = createRuler(marks);
  const bars = ORDINALS.map((ordinal, side) =>
    createWordBars({
      name: `The ${ordinal} sentence`,
      onPoint: (word) => point(side, word),
    }),
  );
  const caption = element("p", { class: "ovs-caption ovs-empty", "aria-live": "polite" });
  const tables = element("div", {});
  const words = element(
    "div",
    { class: "ovs-word-part" },
    element("p", { class: "ovs-title" }, "Which words move it"),
    element(
      "p",
      { class: "ovs-key", "aria-hidden": "true" },
      element("span", { class: "ovs-key-up" }, "Without it they come closer"),
      element("span", { class: "ovs-key-down" }, "Without it they move apart"),
    ),
    ...bars.map((own) => own.el),
    caption,
    tables,
  );

  el.replaceChildren(
    element(
      "div",
      { class: "ovs", role: "region", "aria-label": "Pair probe" },
      box.el,
      element(
        "div",
        { class: "ovs-measure" },
        element("div", { class: "ovs-result" }, element("span", {}, "cosine"), number),
        ruler.el,
      ),
      news.el,
      words,
    ),
  );
  if (pairs.length > 0) box.set(pairs[0].texts);
  else read(["", ""]);
  return () => ending.abort();

  /** Take what the reader typed, whatever it is. */
  function read(typed) {
    const whole = readableTexts(typed);
    const repaired = whole.note;
    texts = whole.texts;
    clearTimeout(timer);
    wordAsker.cancel();
    news.calm();
    if (texts.some((text) => text === "")) {
      pairAsker.cancel();
      shown = null;
      draw();
      return news.say("Type two sentences to compare them.");
    }
    const known = pairs.find((pair) => pair.texts.every((t, i) => t.trim() === texts[i]));
    if (!known) return pairAsker.ask({ texts, repaired });
    pairAsker.cancel();
    show({ texts, cosine: known.cosine, without: known.without, note: repaired });
  }

  function takePair(asked, message, buffers) {
    const vectors = vectorsOf(asked, message, buffers);
    if (!vectors) return;
    const note = [asked.repaired, message.note].filter(Boolean).join(" ");
    const cosine = cosineOf(...vectors);
    show({ texts: asked.texts, cosine, without: null, vectors, note });
    clearTimeout(timer);
    timer = setTimeout(askWithoutWords, REST);
  }

  function askWithoutWords() {
    const shorter = shown.texts.map((text) => withoutEach(text, MOST_WORDS));
    const some = shorter.flat().filter((text) => text !== null);
    if (some.length > 0) wordAsker.ask({ texts: some, pair: shown });
    else show({ ...shown, without: shorter });
  }

  function takeWords(asked, message, buffers) {
    const vectors = vectorsOf(asked, message, buffers);
    if (!vectors || asked.pair !== shown) return;
    let next = 0;
    const without = shown.texts.map((text, side) =>
      withoutEach(text, MOST_WORDS).map((shorter) =>
        shorter === null ? null : cosineOf(vectors[next++], shown.vectors[1 - side]),
      ),
    );
    show({ ...shown, without });
  }

  /** Read one vector for each text, or say what is wrong and return null. */
  function vectorsOf(asked, { failed, note, width }, buffers) {
    if (failed) return news.fail(note), null;
    const floats = buffers?.[0] && floatsOf(buffers[0]);
    if (!(width > 0) || floats?.length !== asked.texts.length * width) {
      return news.fail("The answer can't be read: it has no vector for each text."), null;
    }
    return asked.texts.map((_, i) => floats.subarray(i * width, (i + 1) * width));
  }

  function show(next) {
    const same = shown?.texts.every((text, i) => text === next.texts[i]);
    shown = next;
    if (!same) left = { side: 0, word: -1 };
    draw(!same);
  }

  // Drawing

  function draw(fresh = true) {
    words.hidden = !shown;
    number.textContent = shown ? cosineText(shown.cosine) : "–";
    if (shown && fresh) bars.forEach((own, side) => own.show(shown.texts[side]));
    const changes = changesOf();
    const most = Math.max(LEAST_SPAN, ...changes.flat().map((one) => Math.abs(one ?? 0)));
    bars.forEach((own, side) => own.showChanges(changes[side], most));
    drawPointed();
    if (!shown) return;
    writeTables(changes);
    const parts = [shown.note, `The cosine is ${cosineText(shown.cosine)}.`, strongest()];
    news.say(parts.filter(Boolean).join(" "));
  }

  /** For each sentence its words' changes of the cosine, null where there is none yet. */
  function changesOf() {
    return [0, 1].map((side) =>
      (shown?.without?.[side] ?? []).map((one) =>
        Number.isFinite(one) ? one - shown.cosine : null,
      ),
    );
  }

  function drawPointed() {
    const { side, word } = left;
    const there = shown?.without?.[side]?.[word];
    const without = Number.isFinite(there) ? there : null;
    bars.forEach((own, i) => own.mark(i === side && shown?.without ? word : -1));
    const cosine = Number.isFinite(shown?.cosine) ? shown.cosine : null;
    ruler.show(cosine, without);
    const known = word >= 0 && Boolean(shown?.without);
    caption.classList.toggle("ovs-empty", !known);
    caption.textContent = known ? wordLine(side, word) : POINT_AT_WORD;
  }

  function point(side, word) {
    if (word < 0 && side !== left.side) return;
    left = { side, word };
    drawPointed();
  }

  // In words

  function wordAt(side, word) {
    const [start, end] = wordsOf(shown.texts[side], word + 1)[word];
    return shorten(shown.texts[side].slice(start, end));
  }

  function wordLine(side, word) {
    const name = `“${wordAt(side, word)}” (${ORDINALS[side]} sentence)`;
    const cosine = shown.without[side][word];
    if (cosine === undefined || word >= MOST_WORDS) {
      return `Only the first ${MOST_WORDS} words are left out in turn.`;
    }
    if (!Number.isFinite(cosine)) return `${name} is the only word: nothing would be left.`;
    const change = signedChange(cosine - shown.cosine);
    return `Without ${name}: ${cosineText(cosine)}, a change of ${change}.`;
  }

  /** All changes, the largest first; equal ones in the order of reading. */
  function ranked(changes) {
    return changes
      .flatMap((own, side) => own.map((change, word) => ({ side, word, change })))
      .filter(({ change }) => change !== null)
      .sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  }

  function strongest() {
    const [first] = ranked(changesOf());
    if (!first) return "";
    const { side, word } = first;
    const name = `“${wordAt(side, word)}” of the ${ORDINALS[side]} sentence`;
    return `${name} moves it most: without it ${cosineText(shown.without[side][word])}.`;
  }

  function writeTables(changes) {
    const lines = ranked(changes).map(({ side, word, change }) => [
      wordAt(side, word),
      ORDINALS[side],
      cosineText(shown.without[side][word]),
      signedChange(change),
    ]);
    const title = "The words, from the one that moves it most";
    tables.replaceChildren();
    if (lines.length === 0) return;
    const titles = ["Word", "Sentence", "Cosine without it", "Change"];
    tables.append(createTable(title, titles, lines.slice(0, LISTED_WORDS)));
    const rest = lines.slice(LISTED_WORDS);
    if (rest.length === 0) return;
    const lesser = createTable("The words that move it less", titles, rest);
    const summary = element("summary", {}, `Show ${rest.length} more`);
    tables.append(element("details", {}, summary, lesser));
  }
}

export const pairProbe = { render: renderPairProbe };
export default pairProbe;
