// SearchMap: type a sentence, see its nearest sentences and its place on the map.
// One module for two hosts. In a notebook the kernel answers, in a page the page does:
// {kind: "query", id, text} out, {kind: "answer", id, hits, note} back.
import { element, shorten } from "./dom.js";
import { createHitList } from "./hit_list.js";
import { createNews } from "./news.js";
import { placePoint } from "./placement.js";
import { createAsker, createQueryBox, readable } from "./query_box.js";
import { createScatter } from "./scatter.js";
import { createTopics } from "./topics.js";

const LISTED = 10;
const COLOURS = Array.from({ length: 10 }, (_, i) => `--ovs-c${i}`);

function render({ model, el, signal: hostSignal }) {
  // Colab's anywidget gives no signal, it calls the function that render returns
  const ending = new AbortController();
  const { signal } = ending;
  hostSignal?.addEventListener("abort", () => ending.abort());

  const points = asPoints(model.get("points"));
  const texts = model.get("texts");
  const topics = model.get("topics").map(({ name, field }) => ({
    name: spaced(name),
    field: spaced(field),
  }));
  const topicOf = model.get("topic_of");
  const examples = model.get("examples");
  const curve = { a: model.get("a"), b: model.get("b") };
  const stored = new Map(examples.map((example) => [example.text.trim(), example]));
  const fields = [...new Set(topics.map(({ field }) => field))];
  const groups = texts.map((_, row) =>
    topics.length ? fields.indexOf(topics[topicOf[row]].field) % COLOURS.length : 0,
  );

  let off = new Set();
  let answer = { query: "", hits: [], note: "" };
  let repaired = ""; // a word about what was replaced or left out of the box's text

  const title = element("p", { class: "ovs-title" });
  const news = createNews(model, { onAgain: () => read(box.input.value), signal });
  news.el.prepend(title);
  const caption = element("p", { class: "ovs-caption", "aria-hidden": "true" });
  const box = createQueryBox({
    label: `Search ${texts.length.toLocaleString("en")} sentences by meaning`,
    placeholder: "Type a sentence …",
    examples: examples.map(({ text }) => text),
    onText: read,
    onReach: () => asker.warm(),
  });
  const list = createHitList({
    onPoint: (row) => map.pointAt(row),
    onChoose: (row) => map.show(row),
  });
  const map = createScatter({
    points,
    groups,
    colours: COLOURS,
    labels: topics.map(({ name }, topic) => ({
      text: name,
      rows: [...texts.keys()].filter((row) => topicOf[row] === topic),
    })),
    label: `Map of ${texts.length.toLocaleString("en")} sentences.`,
    describe,
    onPoint: (row) => {
      list.mark(row);
      showCaption(row);
    },
    signal,
  });
  const asker = createAsker(model, {
    kind: "query",
    signal,
    onAnswer: (text, { hits, note, failed }) => {
      if (failed) return news.fail(note);
      news.calm();
      show({ query: text, hits: checked(hits), note: note ?? "" });
    },
    onWait: () => news.wait(),
    onFail: (_, error) => news.fail(`The model can't be reached: ${error.message}`),
  });

  el.replaceChildren(
    element(
      "div",
      { class: "ovs", role: "region", "aria-label": "Search map" },
      box.el,
      element(
        "div",
        { class: "ovs-columns" },
        element("div", { class: "ovs-map" }, map.el, caption),
        element(
          "div",
          { class: "ovs-answers" },
          news.el,
          list.el,
        ),
        topics.length > 0
          ? createTopics({ topics, fields, colours: COLOURS, onChange: switchTopics })
          : "",
      ),
    ),
  );
  showCaption(-1);
  if (examples.length > 0) {
    box.press(examples[0].text);
    show({ query: examples[0].text, ...examples[0] });
  } else {
    show({ query: "", hits: [], note: "Type a sentence to search." });
  }
  return () => ending.abort();

  /** Take what the reader typed, whatever it is. */
  function read(typed) {
    const { text, note: changed } = readable(typed);
    repaired = changed;
    news.calm();
    if (text.trim() === "") {
      asker.cancel();
      const note = text === "" ? "The box is empty." : "There are only spaces here.";
      show({ query: "", hits: [], note: `${note} Type a sentence to search.` });
    } else if (stored.has(text.trim())) {
      asker.cancel();
      show({ query: text, ...stored.get(text.trim()) });
    } else {
      asker.ask(text);
    }
  }

  /** Show an answer: the list, the star, the lines, and a sentence about them. */
  function show(next) {
    answer = next;
    const shown = answer.hits.filter(([row]) => isOn(row)).slice(0, LISTED);
    const query = element("bdi", {}, shorten(answer.query));
    title.replaceChildren(...(answer.query ? ["Nearest to “", query, "”"] : []));
    list.show(
      answer.query,
      shown.map(([row, score]) => ({
        row,
        score,
        text: texts[row],
        topic: topics[topicOf[row]]?.name ?? "",
        colour: topics.length ? `var(${COLOURS[groups[row]]})` : "",
      })),
    );
    const best = shown[0]?.[1] ?? 0;
    const least = shown.at(-1)?.[1] ?? 0;
    map.setMarks({
      star: placePoint(answer.hits, points, curve),
      rows: shown.map(([row]) => row),
      strengths: shown.map(([, score]) => (score - least) / (best - least || 1)),
    });
    news.say([answer.note, repaired, summary(shown)].filter(Boolean).join(" "));
  }

  /** Say in words what the map shows: which topics the hits are from, what is hidden. */
  function summary(shown) {
    if (answer.hits.length === 0) return "";
    const hidden = answer.hits.filter(([row]) => !isOn(row)).length;
    const parts = [];
    if (shown.length > 0 && topics.length > 0) {
      const counts = new Map();
      for (const [row] of shown) {
        const { name } = topics[topicOf[row]];
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const [[name, count]] = [...counts].sort(([, m], [, n]) => n - m);
      if (counts.size === 1) parts.push(`All about ${name}.`);
      else if (2 * count > shown.length) {
        parts.push(`${count} of these ${shown.length} are about ${name}.`);
      } else {
        const most = count > 1 ? `, most from ${name} (${count})` : ", one from each";
        parts.push(`Spread over ${counts.size} topics${most}.`);
      }
    }
    if (hidden > 0) {
      parts.push(
        hidden === 1
          ? "1 hit hidden: its topic is off."
          : `${hidden} hits hidden: their topics are off.`,
      );
    }
    return parts.join(" ");
  }

  function switchTopics(nowOff) {
    off = nowOff;
    map.setShown(Uint8Array.from(texts.keys(), (row) => (isOn(row) ? 1 : 0)));
    show(answer);
  }

  function isOn(row) {
    return topics.length === 0 || !off.has(topicOf[row]);
  }

  function describe(row) {
    const place = answer.hits.findIndex(([hit]) => hit === row);
    const rank = place < 0 ? "" : ` Hit ${place + 1}.`;
    const topic = topics[topicOf[row]];
    const about = topic ? ` (${topic.field}, ${topic.name})` : "";
    return `${texts[row]}${about}${rank}`;
  }

  function showCaption(row) {
    caption.textContent =
      row < 0 ? "Point at a sentence on the map to read it here." : describe(row);
    caption.classList.toggle("ovs-empty", row < 0);
  }

  /** Drop from an answer whatever is no hit. */
  function checked(hits) {
    return (hits ?? []).filter(
      ([row, score]) => texts[row] !== undefined && Number.isFinite(score),
    );
  }
}

/** Read the points from a kernel's bytes or from a page's list of pairs. */
function asPoints(value) {
  if (Array.isArray(value)) return Float32Array.from(value.flat());
  // A comm's buffer may start anywhere, an array of floats may not: copy
  const { buffer, byteOffset, byteLength } = value;
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function spaced(name) {
  return name.replaceAll("_", " ");
}

export const searchMap = { render };
export default searchMap;
