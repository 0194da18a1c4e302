// TokenXRay: two sentences' tokens, the matrix of their vectors at every layer, attention,
// and how pooling collapses each matrix into one vector. One module for two hosts:
// {kind: "trace", id, text} out, {kind: "answer", id, tokens, layers, heads, width} back,
// with the hidden states and the attention of all layers as floats.
import { floatsOf } from "./corpus_map.js";
import { element, onThemeChange, shorten } from "./dom.js";
import { FALL, letFall } from "./falling.js";
import { createNews } from "./news.js";
import { cosineText, createTable } from "./number_table.js";
import { createPairBox } from "./pair_box.js";
import { cosineOf, lookAt, pool, POOLINGS, roundScale } from "./pooling.js";
import { createAsker, readableTexts } from "./query_box.js";
import {
  createStrip,
  createStripLegend,
  FAINT,
  numberAt,
  paintStrip,
  stripColours,
} from "./strip.js";
import { createTokenRows, percent } from "./token_rows.js";

const LAYERS = 6; // until the model says how many it has
const STEP = 550; // ms that a layer is shown while the picture plays
const NAMES = ["First sentence", "Second sentence"];
const POOLING_NAMES = { mean: "Mean", max: "Max", cls: "CLS" };
const POINT = "Point at a token or at its numbers, or walk there with the arrow keys.";

function renderTokenXray({ model, el, signal: hostSignal }) {
  // Colab's anywidget gives no signal, it calls the function that render returns
  const ending = new AbortController();
  const { signal } = ending;
  hostSignal?.addEventListener("abort", () => ending.abort());

  const examples = model.get("examples");
  const own = model.get("own");
  const sides = NAMES.map(() => nothing(""));
  let wanted = [null, null]; // the texts in the boxes; a side may still show an older one
  let layer = LAYERS;
  let head = -1; // all heads, averaged
  let how = POOLINGS.includes(own) ? own : "mean";
  let pointed = { side: 0, token: -1, number: -1 };
  let colours = null;
  let scale = 1;
  let stored = null; // the example that is shown without the model
  let repaired = ""; // a word about what was replaced or left out of the boxes' texts
  let woken = false; // whether the reader wants layers and attention
  let ready = ""; // a word that they are there, until the reader goes on
  let playing = 0;

  const box = createPairBox({
    pairs: examples.map(({ label, sides: pair }) => ({
      label,
      texts: pair.map(({ text }) => text),
    })),
    onTexts: read,
    onReach: () => askers[0].warm(),
  });
  const askers = sides.map((_, side) =>
    createAsker(model, {
      kind: "trace",
      signal,
      onAnswer: (text, message, buffers) => takeTrace(side, text, message, buffers),
      onWait: () => news.wait(),
      onFail: (_, error) => news.fail(`The model can't be reached: ${error.message}`),
    }),
  );
  const news = createNews(model, { onAgain: () => ask(), signal });

  const slider = element("input", {
    type: "range",
    min: 0,
    max: LAYERS,
    value: LAYERS,
    "aria-label": "Layer",
    oninput: () => turnTo(Number(slider.value)),
  });
  const layerName = element("span", { class: "ovs-layer" });
  const heads = element("select", {
    class: "ovs-select",
    "aria-label": "Attention head",
    onchange: () => {
      head = Number(heads.value);
      drawShares();
    },
  });
  const inside = element(
    "fieldset",
    { class: "ovs-inside" },
    element("legend", { class: "ovs-unseen" }, "Inside the model"),
    element("label", { class: "ovs-field" }, "Layer ", slider, layerName),
    element("label", { class: "ovs-field" }, "Attention ", heads),
  );
  const wake = element(
    "button",
    { type: "button", class: "ovs-press", onclick: () => (askers[0].warm(), ask()) },
    "Wake the model for layers and attention",
  );
  const group = `ovs-pooling-${Math.random()}`; // a page may hold two of these
  const poolings = POOLINGS.map((name) => {
    const input = element("input", {
      type: "radio",
      name: group,
      class: "ovs-unseen",
      onchange: () => {
        how = name;
        draw();
        collapse();
      },
    });
    const number = element("span", { class: "ovs-choice-number" });
    const label = element(
      "label",
      { class: "ovs-choice", title: name === own ? "The model's own pooling" : "" },
      input,
      element("span", { class: "ovs-choice-face" }, POOLING_NAMES[name], number),
    );
    return { name, input, number, label };
  });
  const play = element(
    "button",
    { type: "button", class: "ovs-press ovs-play", onclick: togglePlay },
    "Play",
  );
  const caption = element("p", { class: "ovs-caption ovs-empty", "aria-live": "polite" });
  const legend = createStripLegend();
  const lookTitle = element("span", {});
  const rows = sides.map((_, side) =>
    createTokenRows({
      name: NAMES[side],
      onPoint: (token, number) => point(side, token, number),
      ahead: (step) => {
        const last = (sides[side].width || 1) - 1;
        return step ? Math.max(0, Math.min(last, pointed.number + step)) : pointed.number;
      },
    }),
  );
  const vectors = sides.map((_, side) => {
    const strip = createStrip(1, "ovs-vector");
    strip.addEventListener("pointermove", (event) => point(side, -1, numberAt(event)));
    strip.addEventListener("pointerleave", () => point(side, -1, -1));
    return strip;
  });
  const result = element("span", { class: "ovs-cosine" });
  const marker = element("div", { class: "ovs-marker", hidden: true });
  const picture = element(
    "div",
    { class: "ovs-xray" },
    element(
      "div",
      { class: "ovs-row ovs-heads", "aria-hidden": "true" },
      element("span", {}, "Token"),
      lookTitle,
      legend.el,
    ),
    rows[0].el,
    element(
      "div",
      { class: "ovs-band" },
      element(
        "div",
        { class: "ovs-result" },
        element("span", {}, "cosine of the two"),
        result,
      ),
      element("div", { class: "ovs-vectors" }, ...vectors),
    ),
    rows[1].el,
    marker,
  );
  const numbers = element("div", {});
  const details = element(
    "details",
    { ontoggle: writeNumbers },
    element("summary", {}, "The picture in words and numbers"),
    numbers,
  );

  el.replaceChildren(
    element(
      "div",
      { class: "ovs", role: "region", "aria-label": "Token X-ray" },
      box.el,
      element(
        "div",
        { class: "ovs-controls ovs-tools" },
        element(
          "div",
          { class: "ovs-choices", role: "radiogroup", "aria-label": "Pooling" },
          element("span", { "aria-hidden": "true" }, "Pooling"),
          ...poolings.map(({ label }) => label),
        ),
        play,
        inside,
        wake,
      ),
      news.el,
      picture,
      caption,
      details,
    ),
  );
  onThemeChange(() => {
    colours = null;
    requestAnimationFrame(draw);
  }, signal);
  const watcher = new ResizeObserver(draw);
  watcher.observe(picture);
  signal.addEventListener("abort", () => {
    watcher.disconnect();
    playing += 1;
  });
  fillHeads(0);
  if (examples.length > 0) box.set(examples[0].sides.map(({ text }) => text));
  else read(["", ""]);
  return () => ending.abort();

  // What is shown

  /** A side that shows nothing yet. `last` is its last layer's matrix. */
  function nothing(text) {
    const none = new Float32Array(0);
    return { text, tokens: [], layers: 0, heads: 0, width: 0, last: none };
  }

  /** Take what the reader typed, whatever it is. */
  function read(typed) {
    const { texts, note } = readableTexts(typed);
    news.calm();
    stop();
    stored = examples.find(({ sides: pair }) =>
      pair.every((one, side) => one.text.trim() === texts[side]),
    );
    const before = wanted;
    wanted = texts;
    texts.forEach((text, side) => {
      if (text === before[side]) return;
      if (text !== "" && !stored) {
        woken = true;
        return;
      }
      askers[side].cancel();
      settle(side, stored ? storedSide(stored.sides[side]) : nothing(""));
    });
    repaired = note;
    if (woken) ask();
    draw();
  }

  function storedSide({ text, tokens, matrix, step }) {
    const bytes = Int8Array.from(atob(matrix), (sign) => sign.charCodeAt(0));
    const last = Float32Array.from(bytes, (value) => value * step);
    return { ...nothing(text.trim()), tokens, width: last.length / tokens.length, last };
  }

  /** Ask for all that is not there yet. */
  function ask() {
    woken = true;
    wanted.forEach((text, side) => {
      const shown = text === sides[side].text && sides[side].hidden;
      if (text !== "" && !shown) askers[side].ask(text);
    });
  }

  function takeTrace(side, text, message, buffers) {
    const { tokens, layers, heads: count, width, note, failed } = message;
    if (failed) return news.fail(note);
    const hidden = buffers?.[0] && floatsOf(buffers[0]);
    const attention = buffers?.[1] && floatsOf(buffers[1]);
    const size = (tokens?.length ?? 0) * width;
    const fits = hidden?.length === (layers + 1) * size && size > 0;
    if (!fits || attention?.length !== layers * count * tokens.length ** 2) {
      return news.fail("The answer can't be read: its parts don't fit each other.");
    }
    const last = hidden.subarray(layers * size);
    settle(side, {
      ...{ text, tokens, layers, heads: count, width, note },
      ...{ hidden, attention, last },
    });
    draw();
  }

  function settle(side, next) {
    const same = next.tokens.join(" ") === sides[side].tokens.join(" ");
    sides[side] = next;
    if (next.heads > 0 && heads.length !== next.heads + 1) fillHeads(next.heads);
    if (next.layers > 0 && Number(slider.max) !== next.layers) {
      const atEnd = layer === Number(slider.max);
      slider.max = next.layers;
      layer = atEnd ? next.layers : Math.min(layer, next.layers);
      slider.value = layer;
    }
    if (!same) {
      pointed = { side, token: -1, number: -1 };
      rows[side].grow(rows[side].show(next.tokens));
    }
  }

  function fillHeads(count) {
    const average = count > 0 ? `average of ${count} heads` : "average of all heads";
    const names = [average, ...Array.from({ length: count }, (_, h) => `head ${h + 1}`)];
    const options = names.map((name, i) => element("option", { value: i - 1 }, name));
    heads.replaceChildren(...options);
    head = -1;
  }

  /** Whether every sentence that is there can be seen at every layer. */
  function isAwake() {
    const there = sides.filter(({ tokens }) => tokens.length > 0);
    return there.length > 0 && there.every(({ hidden }) => hidden);
  }

  function lastLayer() {
    return Number(slider.max);
  }

  function shownLayer() {
    return isAwake() ? layer : lastLayer();
  }

  function matrixOf({ hidden, last, tokens, width }, at = shownLayer()) {
    if (!hidden || at === lastLayer()) return last;
    const size = tokens.length * width;
    return hidden.subarray(at * size, (at + 1) * size);
  }

  /** The cosine of the two sentences' vectors, or NaN if one of them is missing. */
  function cosineBy(pooling, at = shownLayer()) {
    if (stored && !isAwake()) return stored.cosines[pooling];
    const [a, b] = sides.map((side) =>
      side.tokens.length > 0 ? pool(matrixOf(side, at), side.width, pooling).vector : null,
    );
    return a && b && a.length === b.length ? cosineOf(a, b) : NaN;
  }

  // Drawing

  function draw() {
    // Colours can be read from the page only; JupyterLab puts a widget there later
    if (signal.aborted || !picture.isConnected) return;
    const awake = isAwake();
    if (awake && inside.disabled) ready = "Layers and attention can be chosen now.";
    inside.disabled = !awake;
    if (awake && wake.matches(":focus")) slider.focus();
    wake.hidden = awake || sides.every(({ tokens }) => tokens.length === 0);
    slider.value = shownLayer();
    layerName.textContent = `${shownLayer()} of ${lastLayer()}`;
    slider.setAttribute("aria-valuetext", layerWords());
    colours ??= stripColours(picture);
    scale = roundScale(sides.map((side) => matrixOf(side)));
    legend.show(Math.max(...sides.map(({ width }) => width)), scale);
    sides.forEach((side, i) => {
      const { tokens, width } = side;
      rows[i].el.hidden = vectors[i].hidden = tokens.length === 0;
      if (tokens.length === 0) return;
      const matrix = matrixOf(side);
      const { vector, winners } = pool(matrix, width, how);
      rows[i].paint(matrix, width, scale, colours, strengthBy(winners, FAINT));
      vectors[i].width = width;
      paintStrip(vectors[i], vector, scale, colours);
    });
    for (const { name, input, number } of poolings) {
      input.checked = name === how;
      number.textContent = cosineText(cosineBy(name));
    }
    result.textContent = cosineText(cosineBy(how));
    drawShares();
    report();
    writeNumbers();
  }

  /** How much of a number is seen: all of it if it has a share in the vector. */
  function strengthBy(winners, rest) {
    return winners ? (token, i) => (winners[i] === token ? 1 : rest) : () => 1;
  }

  function drawShares() {
    const at = shownLayer();
    const some = isAwake() && at > 0;
    sides.forEach((side, i) => {
      const from = pointed.side === i ? pointed.token : -1;
      rows[i].showShares(some && side.tokens.length ? sharesOf(side, from) : null, from);
    });
    lookTitle.textContent = some ? (pointed.token < 0 ? "looked at" : "looks at") : "";
    caption.textContent = captionWords() || POINT;
    caption.classList.toggle("ovs-empty", !captionWords());
    const strip = vectors[pointed.side];
    marker.hidden = pointed.number < 0 || !strip.width;
    if (!marker.hidden) {
      const { left, width } = strip.getBoundingClientRect();
      const from = left - picture.getBoundingClientRect().left;
      marker.style.left = `${from + ((pointed.number + 0.5) / strip.width) * width}px`;
    }
  }

  function sharesOf({ attention, tokens, heads: count }, from, at = shownLayer()) {
    const sizes = { tokens: tokens.length, heads: count, layer: at - 1, head, from };
    return lookAt(attention, sizes);
  }

  function point(side, token, number) {
    if (token < 0 && number < 0 && side !== pointed.side) return;
    pointed = { side, token, number };
    drawShares();
  }

  // In words

  function signed(value) {
    return value.toFixed(2).replace("-", "−");
  }

  function layerWords() {
    if (shownLayer() === 0) return "0, the embeddings: word pieces and their places";
    const end = shownLayer() === lastLayer() ? ", the last" : "";
    return `${shownLayer()} of ${lastLayer()}${end}`;
  }

  function report() {
    const notes = sides.map(({ note }) => note).filter(Boolean);
    if (sides.every(({ tokens }) => tokens.length === 0)) {
      return news.say("Type a sentence to see it from inside.");
    }
    const at = shownLayer();
    const when =
      at === 0
        ? "before the first layer, where a token knows only its word piece and its place"
        : `after layer ${at} of ${lastLayer()}`;
    const { tokens, width } = sides.find((side) => side.tokens.length > 0);
    const cosine = cosineBy(how);
    const what = Number.isFinite(cosine)
      ? `${POOLING_NAMES[how]} pooling ${when}: cosine ${cosineText(cosine)}.`
      : `${tokens.length} tokens, ${width} numbers each, ${when}.`;
    const mine =
      Number.isFinite(cosine) && how === own && at === lastLayer()
        ? "This is the model's own answer."
        : "";
    news.say([repaired, ...new Set(notes), what, mine, ready].filter(Boolean).join(" "));
  }

  function captionWords() {
    const { token, number } = pointed;
    const side = sides[pointed.side];
    if (side.tokens.length === 0) return "";
    const words = [];
    const name = side.tokens[token];
    if (name !== undefined && isAwake() && shownLayer() > 0) {
      const one = head < 0 ? "" : `, head ${head + 1}`;
      words.push(`In layer ${shownLayer()}${one}, “${name}” looks at ${looks(side, token, 4)}.`);
    }
    if (number >= 0) {
      const matrix = matrixOf(side);
      const { vector, winners } = pool(matrix, side.width, how);
      const from = {
        mean: `the mean of all ${side.tokens.length} tokens`,
        max: `the largest, from “${side.tokens[winners?.[number]]}”`,
        cls: `the one of “${side.tokens[0]}”`,
      }[how];
      const its = matrix[token * side.width + number];
      const mine = name === undefined ? "" : `“${name}” has ${signed(its)}, `;
      words.push(`Number ${number + 1}: ${mine}the vector ${signed(vector[number])}, ${from}.`);
    }
    if (words.length === 0 && name !== undefined) {
      words.push(`“${name}”, token ${token + 1} of ${side.tokens.length}.`);
    }
    return words.join(" ");
  }

  /** Name the tokens that a token looks at most, with their shares. */
  function looks(side, token, most) {
    const shares = [...sharesOf(side, token)].map((share, to) => [side.tokens[to], share]);
    return shares
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([to, share]) => `${to} ${percent(share)}`)
      .join(", ");
  }

  /** Write the tables, if the reader has opened them. */
  function writeNumbers() {
    if (!details.open) return;
    const attentive = isAwake() && shownLayer() > 0;
    const tables = sides.flatMap((side, i) => {
      if (side.tokens.length === 0) return [];
      const matrix = matrixOf(side);
      const { vector, winners } = pool(matrix, side.width, how);
      const lines = side.tokens.map((token, t) => {
        const its = matrix.subarray(t * side.width, (t + 1) * side.width);
        return [
          token,
          cosineText(cosineOf(its, vector)),
          ...(winners ? [`${winners.filter((w) => w === t).length} of ${side.width}`] : []),
          ...(attentive ? [looks(side, t, 3)] : []),
        ];
      });
      const titles = ["Token", "Cosine to the vector"];
      if (winners) titles.push("Numbers it gives");
      if (attentive) titles.push("Looks most at");
      return [createTable(`${NAMES[i]}: “\u2068${shorten(side.text)}\u2069”`, titles, lines)];
    });
    const first = isAwake() ? 0 : lastLayer();
    const at = Array.from({ length: lastLayer() - first + 1 }, (_, l) => first + l);
    tables.push(
      createTable(
        "Cosine of the two vectors",
        ["Layer", ...POOLINGS.map((name) => POOLING_NAMES[name])],
        at.map((l) => [String(l), ...POOLINGS.map((name) => cosineText(cosineBy(name, l)))]),
      ),
    );
    numbers.replaceChildren(...tables);
  }

  // Movement

  function turnTo(next) {
    layer = next;
    ready = "";
    draw();
  }

  /** Let the rows fall into the vector: all of them, or what each has a share in it. */
  function collapse() {
    sides.forEach((side, i) => {
      if (side.tokens.length === 0) return;
      const matrix = matrixOf(side);
      const { winners } = pool(matrix, side.width, how);
      const strength = strengthBy(winners, 0);
      const seen = rows[i].inSight();
      const falling = seen.filter(([token]) => !winners || winners.includes(token));
      letFall({
        picture,
        target: vectors[i],
        strips: i === 0 ? falling.reverse() : falling, // the nearest goes first
        // Many that become one mean fade into it
        rest: how === "mean" ? Math.max(0.12, 1 / seen.length) : 1,
        paint(strip, token) {
          const its = matrix.subarray(token * side.width, (token + 1) * side.width);
          paintStrip(strip, its, scale, colours, (n) => strength(token, n));
        },
      });
    });
  }

  function stop() {
    playing += 1;
    play.textContent = "Play";
  }

  /** Show it all in turn: the matrix grows, goes through the layers, and collapses. */
  async function togglePlay() {
    if (play.textContent === "Stop") return stop();
    play.textContent = "Stop";
    const mine = ++playing;
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    const from = isAwake() ? 0 : lastLayer();
    for (let at = from; at <= lastLayer(); at++) {
      if (mine !== playing) return;
      turnTo(at);
      if (at === from) {
        rows.forEach((own) => own.grow([...own.tokens.keys()], 900));
        await wait(1400);
      } else {
        await wait(STEP);
      }
    }
    if (mine !== playing) return;
    collapse();
    await wait(FALL);
    if (mine === playing) stop();
  }
}

export const tokenXray = { render: renderTokenXray };
export default tokenXray;
