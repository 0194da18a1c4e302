// ModelChooser: wishes in; out come the models that meet them, what they trade, and one
// recommendation with its reason. Everything is computed here, nothing is asked.
import { element } from "./dom.js";
import {
  COSTS,
  SCORES,
  advise,
  judge,
  languageName,
  scoreName,
  scoredLanguages,
  times,
} from "./model_choice.js";
import { createTradeOff } from "./trade_off.js";

const LANGUAGES = ["en", "de", "zh", "es", "fr", "ar", "hi", "ja", "ru", "sw"];
const ANY = { value: null, text: "any" };
const TOKENS = [{ value: 0, text: "any" }, ...steps([64, 128, 256, 384, 512, 1024], "tokens")];
const SIZES = [...steps([50, 100, 250, 500, 1000], "MB"), ANY];
const DIMENSIONS = [...steps([64, 384, 512, 768], ""), ANY];
const SPEEDS = [
  { value: 0, text: "any" },
  ...[0.1, 0.25, 0.5, 1, 2, 10].map((value) => ({
    value,
    text: `${value} × MiniLM`,
  })),
];

function renderModelChooser({ model, el, signal: hostSignal }) {
  // Colab's anywidget gives no signal, it calls the function that render returns
  const ending = new AbortController();
  const { signal } = ending;
  hostSignal?.addEventListener("abort", () => ending.abort());

  const rows = model.get("rows");
  const about = model.get("about");
  const numberOf = new Map(rows.map((row, i) => [row, i + 1]));
  const wishes = {
    score: "stsb",
    languages: ["en"],
    tokens: 0,
    size: null,
    speed: 0,
    dimensions: null,
    licence: "",
  };
  let cost = "speed";
  let order = { column: "score", down: true };
  let judged = [];

  const columns = [
    { key: "number", title: "No.", of: ({ row }) => numberOf.get(row) },
    { key: "name", title: "Model", of: ({ row }) => row.name },
    { key: "score", title: "Score", down: true, of: ({ score }) => score?.value ?? null },
    { key: "speed", title: "Speed", down: true, of: ({ row }) => row.speed ?? null },
    { key: "size_mb", title: "Size, MB", of: ({ row }) => row.size_mb },
    { key: "dimensions", title: "Dimensions", of: ({ row }) => row.dimensions },
    {
      key: "max_tokens",
      title: "Longest text, tokens",
      down: true,
      of: ({ row }) => row.max_tokens ?? Infinity,
    },
    {
      key: "languages",
      title: "Languages",
      down: true,
      of: ({ row }) => row.languages.length,
    },
    { key: "licence", title: "Licence", of: ({ row }) => row.licence },
  ];
  const advice = element("div", { class: "ovs-advice", role: "status" });
  const out = element("ul", { class: "ovs-out" });
  const outTitle = element("p", { class: "ovs-title" });
  const body = element("tbody");
  const heads = columns.map(headFor);
  const plotNote = element("p", { class: "ovs-caption ovs-empty" });
  const plot = createTradeOff({ onPoint: (number) => point(number), signal });
  const licences = [...new Set(rows.map(({ licence }) => licence))].sort();

  el.replaceChildren(
    element(
      "div",
      { class: "ovs", role: "region", "aria-label": "Model chooser" },
      element(
        "div",
        { class: "ovs-wishes" },
        choice("Task and score", scoreChoices(), (value) => (wishes.score = value)),
        slider("Longest text", TOKENS, 0, (value) => (wishes.tokens = value)),
        slider("Download at most", SIZES, SIZES.length - 1, (value) => (wishes.size = value)),
        slider("Speed on a CPU at least", SPEEDS, 0, (value) => (wishes.speed = value)),
        slider(
          "Dimensions at most",
          DIMENSIONS,
          DIMENSIONS.length - 1,
          (value) => (wishes.dimensions = value),
        ),
        choice(
          "Licence",
          [["", "any"], ...licences.map((name) => [name, name])],
          (value) => (wishes.licence = value),
        ),
      ),
      element(
        "fieldset",
        { class: "ovs-languages" },
        element("legend", {}, "Languages"),
        ...LANGUAGES.map(languageBox),
      ),
      advice,
      element(
        "div",
        { class: "ovs-columns" },
        element(
          "div",
          {},
          choice(
            "Weigh the score against",
            [
              ["speed", "speed"],
              ["size_mb", "download size"],
            ],
            (value) => (cost = value),
            "ovs-inline",
          ),
          plot.el,
          plotNote,
        ),
        element("div", { class: "ovs-answers" }, outTitle, out),
      ),
      element(
        "div",
        { class: "ovs-models", role: "region", tabindex: "0", "aria-label": "The models" },
        element(
          "table",
          {},
          element("caption", {}, "The models, those that fit first"),
          element("thead", {}, element("tr", {}, ...heads)),
          body,
        ),
      ),
      element("p", { class: "ovs-small" }, origin()),
    ),
  );
  update();
  return () => ending.abort();

  // Wishes

  function choice(name, options, choose, extra = "") {
    const select = element(
      "select",
      { class: "ovs-select", onchange: () => change(() => choose(select.value)) },
      ...options.map(([value, title, group]) =>
        group
          ? element(
              "optgroup",
              { label: title },
              ...group.map(([own, words]) => element("option", { value: own }, words)),
            )
          : element("option", { value }, title),
      ),
    );
    return element(
      "label",
      { class: `ovs-control ${extra}` },
      element("span", {}, name),
      select,
    );
  }

  function slider(name, stops, at, choose) {
    const output = element("span", { class: "ovs-now", "aria-hidden": "true" }, stops[at].text);
    const input = element("input", {
      type: "range",
      min: "0",
      max: String(stops.length - 1),
      value: String(at),
      "aria-label": name,
      "aria-valuetext": stops[at].text,
      oninput: () => {
        const { value, text } = stops[Number(input.value)];
        output.textContent = text;
        input.setAttribute("aria-valuetext", text);
        change(() => choose(value));
      },
    });
    // JupyterLab's own shortcuts must not take the keys of somebody who chooses
    input.addEventListener("keydown", (event) => event.stopPropagation());
    input.dataset.lmSuppressShortcuts = "true";
    return element(
      "div",
      { class: "ovs-control" },
      element("span", { "aria-hidden": "true" }, name),
      element("span", { class: "ovs-slide" }, input, output),
    );
  }

  function scoreChoices() {
    const some = (measured) =>
      Object.entries(SCORES)
        .filter(([, score]) => score.measured === measured)
        .map(([key, { task, name }]) => [key, `${task}: ${name}`]);
    return [
      ["", "Measured for this book", some(true)],
      ["", "Published by sbert.net, 2022", some(false)],
    ];
  }

  function languageBox(code) {
    const input = element("input", {
      type: "checkbox",
      onchange: () =>
        change(() => {
          const others = wishes.languages.filter((own) => own !== code);
          wishes.languages = input.checked ? [...others, code] : others;
        }),
    });
    input.checked = wishes.languages.includes(code);
    return element("label", { class: "ovs-tick-box" }, input, languageName(code));
  }

  function change(act) {
    act();
    update();
  }

  // What follows from them

  function update() {
    judged = judge(rows, wishes, cost);
    const { pick, words } = advise(judged, wishes, cost);
    advice.replaceChildren(
      ...words.map((sentence, i) =>
        element("p", { class: i === 0 ? "ovs-first" : "" }, sentence),
      ),
    );
    listOut();
    fillTable(pick);
    drawPlot();
  }

  function listOut() {
    const failing = judged.filter(({ against }) => against.length > 0);
    const fitting = judged.length - failing.length;
    outTitle.textContent = failing.length
      ? `${fitting} of ${judged.length} fit. Out, and why:`
      : `All ${judged.length} fit.`;
    out.replaceChildren(
      ...failing.map(({ row, against }) =>
        element(
          "li",
          {},
          element("b", {}, row.name),
          `: ${against.map(({ why }) => why).join("; ")}.`,
        ),
      ),
    );
  }

  function drawPlot() {
    const drawn = judged.filter(({ score, cost: own }) => score && own !== null);
    const missing = judged.filter((one) => !drawn.includes(one));
    const of = axisName();
    const axis = COSTS[cost];
    const front = drawn.filter(({ onFront }) => onFront).map(({ row }) => row.name);
    plot.show(
      drawn.map(({ row, score, cost: own, against, onFront }) => ({
        number: numberOf.get(row),
        name: row.name,
        x: own,
        y: score.value,
        low: score.interval?.[0] ?? null,
        high: score.interval?.[1] ?? null,
        fits: against.length === 0,
        onFront,
        published: !isMeasured(row),
      })),
      {
        x: cost === "speed" ? "speed, times MiniLM's" : "download size, MB",
        y: of,
        better: axis.better,
        label:
          `Plot of ${of} against ${axis.name}. ` +
          (front.length > 0
            ? `Nothing that fits beats these in both: ${front.join(", ")}.`
            : "No model that fits has both figures."),
      },
    );
    const notes = [
      front.length > 0 ? `Nothing that fits beats these in both: ${front.join(", ")}.` : "",
      missing.length > 0
        ? `Not drawn, for want of a figure: ${missing.map(({ row }) => row.name).join(", ")}.`
        : "",
    ];
    plotNote.textContent = notes.filter(Boolean).join(" ");
  }

  function axisName() {
    const languages = scoredLanguages(wishes);
    if (languages.length < 2) return scoreName({ language: languages[0] ?? "" }, wishes);
    const names = languages.map(languageName).join(", ");
    return `${SCORES[wishes.score].name}, the lowest of ${names}`;
  }

  // The table

  function headFor({ key, title, down = false }) {
    const button = element(
      "button",
      {
        type: "button",
        onclick: () => {
          const again = order.column === key;
          order = { column: key, down: again ? !order.down : down };
          fillTable(advise(judged, wishes, cost).pick);
        },
      },
      element("span", {}, title),
      element("span", { class: "ovs-arrow", "aria-hidden": "true" }),
    );
    return element("th", { scope: "col", "data-key": key }, button);
  }

  function fillTable(pick) {
    const { of } = columns.find(({ key }) => key === order.column);
    const sorted = [...judged].sort((a, b) => {
      const fits = Math.sign(a.against.length) - Math.sign(b.against.length);
      return fits || compare(of(a), of(b), order.down);
    });
    for (const head of heads) {
      const own = head.dataset.key === order.column;
      if (own) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    body.replaceChildren(...sorted.map((one) => tableRow(one, one === pick)));
  }

  function tableRow({ row, score, against, onFront }, picked) {
    const number = numberOf.get(row);
    const notes = [
      picked ? "recommended" : "",
      onFront ? "on the front" : "",
      against.length > 0 ? "does not fit" : "",
      isMeasured(row) ? "" : "published, not measured here",
    ];
    const mark = (figure, words) => (row.sources[figure] === "measured" ? words : `${words}†`);
    const cells = [
      element("td", {}, String(number)),
      element(
        "th",
        { scope: "row" },
        row.name,
        element("span", { class: "ovs-note" }, notes.filter(Boolean).join(", ")),
      ),
      element("td", {}, scoreCell(row, score)),
      element("td", {}, mark("speed", times(row.speed))),
      element("td", {}, mark("size_mb", String(row.size_mb))),
      element("td", {}, mark("dimensions", String(row.dimensions))),
      element("td", {}, row.max_tokens === null ? "no limit" : mark("max_tokens", String(row.max_tokens))),
      element("td", {}, row.languages.length === 1 ? languageName(row.languages[0]) : String(row.languages.length)),
      element("td", {}, row.licence),
    ];
    const made = element(
      "tr",
      {
        class: [against.length > 0 ? "ovs-fails" : "", picked ? "ovs-advised" : ""].join(" "),
        "data-number": String(number),
        onpointerenter: () => point(number),
        onpointerleave: () => point(-1),
      },
      ...cells,
    );
    return made;
  }

  function scoreCell(row, score) {
    if (!score) return "no figure";
    const { measured } = SCORES[wishes.score];
    const interval = score.interval
      ? element(
          "span",
          { class: "ovs-note" },
          `${score.interval[0].toFixed(1)} to ${score.interval[1].toFixed(1)}`,
        )
      : "";
    const words = measured ? score.value.toFixed(1) : `${score.value.toFixed(1)}†`;
    return element("span", {}, words, interval);
  }

  function point(number) {
    plot.mark(number);
    for (const row of body.children) {
      row.classList.toggle("ovs-marked", row.dataset.number === String(number));
    }
  }

  function isMeasured(row) {
    return Object.values(row.sources).includes("measured");
  }

  /** Say where the figures come from. */
  function origin() {
    const published = [...new Set(rows.flatMap(({ sources }) => Object.values(sources)))]
      .filter((source) => source !== "measured")
      .map((source) => about.citations?.[source] ?? source);
    const measured = about.date
      ? `Measured on ${about.date}, ${about.machine}. Speed is a multiple of the first ` +
        `model's, each on one thread: the median over ${about.timed_sentences} sentences ` +
        `in batches of ${about.batch}. ` +
        "Under a score stands its 95 % interval over resampled test items. "
      : "";
    return `${measured}† Published, not measured here: ${published.join("; ") || "none"}.`;
  }
}

/** Compare two values for sorting; what is missing comes last either way. */
function compare(one, other, down) {
  if (one === null || other === null) return (one === null) - (other === null);
  const ahead =
    typeof one === "string" ? one.localeCompare(other, "en") : Math.sign(one - other) || 0;
  return down ? -ahead : ahead;
}

function steps(values, unit) {
  return values.map((value) => ({ value, text: `${value} ${unit}`.trim() }));
}

export const modelChooser = { render: renderModelChooser };
export default modelChooser;
