// ClusterMap: k-means over a corpus, run here from a chosen seed, step by step, and from
// many seeds, so that one start is seen for the luck that it is. The corpus's vectors
// come once: {kind: "vectors", id} out, {kind: "answer", id, width} and a buffer back.
import { floatsOf, readCorpus } from "./corpus_map.js";
import { element, shorten, wantsStillness } from "./dom.js";
import { createHitList } from "./hit_list.js";
import { compareWithClasses, kMeansFromSeed, meansOf, renumbered } from "./kmeans.js";
import { createNews } from "./news.js";
import { createAsker } from "./query_box.js";
import { createScatter } from "./scatter.js";
import { createStartStrip } from "./start_strip.js";

const MOST_CLUSTERS = 60;
const STARTS = 20; // tried at a time
const SLICE = 8; // ms of work after which the page may breathe
const STEP_TIME = 700; // ms for which a step is shown
const CENTRAL = 6; // sentences shown of an open cluster
const MAIN = 3; // topics named of a cluster
const NAMED = 12; // sentences, whose words have room on the map
const NAME_LENGTH = 24;
const CLUSTER_COLOURS = Array.from({ length: MOST_CLUSTERS }, (_, i) => `--ovs-c${i}`);

function renderClusterMap({ model, el, signal: hostSignal }) {
  // Colab's anywidget gives no signal, it calls the function that render returns
  const ending = new AbortController();
  const { signal } = ending;
  hostSignal?.addEventListener("abort", () => ending.abort());

  const { points, texts, topics, topicOf } = readCorpus(model);
  const count = texts.length.toLocaleString("en");
  const classes = classesOf(topics, topicOf);
  const rows = [...texts.keys()];

  let vectors = null;
  let width = 0;
  let k = model.get("k");
  let seed = model.get("seed");
  let against = classes.at(-1); // the kind of class to compare with
  let starts = new Map(); // of this k: seed -> what came of it
  let shown = null; // the start on the map
  let open = -1; // the cluster whose sentences are listed
  let job = 0; // the number of the newest work; older work stops
  let playing = false;
  let trying = false;

  const kOutput = element("span", { class: "ovs-now", "aria-hidden": "true" }, String(k));
  const kInput = element("input", {
    type: "range",
    min: "2",
    max: String(Math.min(MOST_CLUSTERS, texts.length)),
    value: String(k),
    oninput: () => {
      k = Number(kInput.value);
      kOutput.textContent = String(k);
      starts = new Map();
      strip.show([], -1, "");
      compute();
    },
  });
  const seedInput = element("input", {
    type: "number",
    min: "0",
    max: "999999",
    step: "1",
    value: String(seed),
    class: "ovs-number",
    oninput: () => {
      const right = seedInput.value !== "" && seedInput.validity.valid;
      seedInput.setAttribute("aria-invalid", String(!right));
      if (!right) return news.say("A start is a whole number from 0 to 999999.");
      seed = Number(seedInput.value);
      compute();
    },
  });
  const another = pressable("Another start", () => choose(seed + 1));
  const play = pressable("Watch the steps", () => (playing ? compute() : watch()));
  const try20 = pressable(`Try ${STARTS} starts`, () => (trying ? compute() : tryMany()));
  const againstInput = element(
    "select",
    {
      class: "ovs-select",
      onchange: () => {
        against = classes[againstInput.selectedIndex];
        if (shown) show(shown);
      },
    },
    ...classes.map((kind) => element("option", {}, kind.title)),
  );
  againstInput.selectedIndex = classes.length - 1;
  const facts = element("dl", { class: "ovs-facts" });
  const steps = element("tbody");
  const stepsPart = element(
    "details",
    { class: "ovs-steps" },
    element("summary", {}, "The steps as a table"),
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...["Step", "Sentences that moved", "Inertia"].map((name) =>
            element("th", { scope: "col" }, name),
          ),
        ),
      ),
      steps,
    ),
  );
  const list = element("ol", { class: "ovs-clusters", role: "list" });
  const caption = element("p", { class: "ovs-caption", "aria-hidden": "true" });
  const news = createNews(model, { onAgain: () => asker.ask("again"), signal });
  const strip = createStartStrip({ onChoose: choose });
  const map = createScatter({
    points,
    groups: rows.map(() => 0),
    colours: CLUSTER_COLOURS,
    labels: [],
    label: `Map of ${count} sentences in clusters.`,
    describe,
    onPoint: showPoint,
    signal,
  });
  const asker = createAsker(model, {
    kind: "vectors",
    payload: () => ({}),
    signal,
    onAnswer: (_, answer, buffers) => {
      if (answer.failed) news.fail(answer.note);
      else take(floatsOf(buffers[0]), answer.width);
    },
    onWait: () => news.wait(),
    onFail: (_, error) => news.fail(`The vectors can't be reached: ${error.message}`),
  });
  signal.addEventListener("abort", () => (job += 1));
  for (const input of [kInput, seedInput]) {
    // JupyterLab's own shortcuts must not take the keys of somebody who types
    input.addEventListener("keydown", (event) => event.stopPropagation());
    input.dataset.lmSuppressShortcuts = "true";
  }

  el.replaceChildren(
    element(
      "div",
      { class: "ovs", role: "region", "aria-label": "Cluster map" },
      element(
        "div",
        { class: "ovs-controls" },
        control("Clusters (k)", element("span", { class: "ovs-slide" }, kInput, kOutput)),
        control("Start (seed)", seedInput),
        classes.length > 0 ? control("Compare with", againstInput) : "",
        element("div", { class: "ovs-buttons" }, another, play, try20),
      ),
      element(
        "div",
        { class: "ovs-columns" },
        element("div", { class: "ovs-map" }, map.el, caption),
        element("div", {}, strip.el, stepsPart),
        element("div", { class: "ovs-answers" }, news.el, facts, list),
      ),
    ),
  );
  map.setShown(new Uint8Array(texts.length));
  showPoint(-1);
  news.say("The vectors of the sentences are coming.");
  const inline = model.get("vectors");
  if (inline) take(Float32Array.from(inline.flat()), inline[0].length);
  else asker.ask("first");
  return () => ending.abort();

  /** Take the vectors, once, and begin. */
  function take(values, size) {
    if (values.length !== texts.length * size) {
      news.fail(`These are not the vectors of the ${count} sentences on the map.`);
      return;
    }
    vectors = values;
    width = size;
    compute();
  }

  /** Run the chosen start to its end and show it, unless it is known already. */
  async function compute() {
    const own = begin();
    if (!vectors) return;
    if (!starts.has(seed)) {
      const found = await run(seed, own);
      if (!found) return;
      starts.set(seed, found);
    }
    show(starts.get(seed));
  }

  /** Stop whatever is under way and return the number of the work that begins. */
  function begin() {
    job += 1;
    playing = false;
    trying = false;
    name();
    return job;
  }

  function name() {
    list.hidden = playing;
    play.textContent = playing ? "Skip to the end" : "Watch the steps";
    const more = starts.size >= STARTS ? "more " : "";
    try20.textContent = trying ? "Stop" : `Try ${STARTS} ${more}starts`;
  }

  function choose(next) {
    seed = next;
    seedInput.value = String(next);
    seedInput.setAttribute("aria-invalid", "false");
    compute();
  }

  /** Run one start in slices; null if other work began meanwhile. */
  async function run(ofSeed, own) {
    const history = [];
    let end = null;
    let chosen = [];
    for await (const made of inSlices(kMeansFromSeed(vectors, width, k, ofSeed))) {
      if (own !== job) return null;
      if (made?.step === 0) chosen = made.chosen;
      else if (made) {
        end = made;
        history.push({ changed: made.changed, inertia: made.inertia });
      }
    }
    // The largest cluster is number 1, whatever centre it grew from
    const sizes = new Array(k).fill(0);
    for (const label of end.labels) sizes[label] += 1;
    const order = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a]);
    const places = new Int32Array(k);
    order.forEach((centre, place) => (places[centre] = place));
    const labels = end.labels.map((label) => places[label]);
    return {
      seed: ofSeed,
      k,
      chosen: order.map((centre) => chosen[centre]),
      places,
      labels,
      history,
      inertia: end.inertia,
      grouping: renumbered(end.labels).join(),
    };
  }

  /** Show a start's end: the map, the numbers, the clusters, the strip. */
  function show(start) {
    // More starts, or other classes, leave the clusters as they are, and who reads them
    const kept = start === shown ? open : -1;
    const at = [...list.children].findIndex((item) => item.contains(document.activeElement));
    shown = start;
    open = -1;
    map.setShown(null);
    map.setMarks({ star: null, rows: [], strengths: [] });
    paint(start.labels);
    const agreement = against && compareWithClasses(start.labels, against.of);
    showFacts([
      ["Inertia", start.inertia.toFixed(3)],
      ["Steps", String(start.history.length)],
      ...(agreement
        ? [
            ["V-measure", agreement.vMeasure.toFixed(3)],
            ["Purity", agreement.purity.toFixed(3)],
          ]
        : []),
    ]);
    steps.replaceChildren(
      ...start.history.map(({ changed, inertia }, i) =>
        element(
          "tr",
          {},
          ...[i + 1, changed, inertia.toFixed(3)].map((value) =>
            element("td", {}, String(value)),
          ),
        ),
      ),
    );
    listClusters(start);
    list.children[kept]?.firstChild.click();
    list.children[at]?.firstChild.focus({ preventScroll: true });
    showStrip();
    name();
    news.say(summary(start, agreement));
  }

  function summary({ seed: from, history }, agreement) {
    const done = `Start ${from} with k = ${k}: nothing moves after ${history.length} steps.`;
    if (!agreement) return done;
    const { vMeasure, purity } = agreement;
    return (
      `${done} Against the ${against.title}: V-measure ${vMeasure.toFixed(3)}, ` +
      `purity ${purity.toFixed(3)}.`
    );
  }

  /** Say in words what the strip shows. */
  function luck() {
    if (starts.size < 2) {
      return `This is where one start ends. Try ${STARTS} to see how much of it is luck.`;
    }
    const all = [...starts.values()].sort((a, b) => a.inertia - b.inertia);
    const [best, worst] = [all[0], all.at(-1)];
    const groupings = new Set(all.map(({ grouping }) => grouping)).size;
    const same = all.filter(({ grouping }) => grouping === best.grouping).length;
    const above = (100 * (worst.inertia / best.inertia - 1)).toFixed(1);
    const parts = [
      groupings === 1
        ? `All ${all.length} starts end in the same clusters.`
        : `${all.length} starts end in ${groupings} different ways. The best, start ` +
          `${best.seed} with inertia ${best.inertia.toFixed(3)}, was found by ` +
          `${same} of ${all.length}. The worst lies ${above} % above it.`,
    ];
    if (against && groupings > 1) {
      const measures = all.map(({ labels }) => compareWithClasses(labels, against.of).vMeasure);
      const [low, high] = [Math.min(...measures), Math.max(...measures)];
      parts.push(
        `V-measure runs from ${low.toFixed(3)} to ${high.toFixed(3)}; ` +
          `the best start by inertia has ${measures[0].toFixed(3)}.`,
      );
    }
    return parts.join(" ");
  }

  function showStrip() {
    strip.show([...starts.values()], seed, trying ? "" : luck());
  }

  /** Colour the points by cluster and write the clusters' numbers. */
  function paint(labels) {
    const groups = [...labels];
    if (texts.length <= NAMED) {
      return map.setGroups(groups, rows.map((row) => plate(groups[row], [row], texts[row])));
    }
    const members = Array.from({ length: k }, () => []);
    for (const row of rows) members[groups[row]].push(row);
    map.setGroups(
      groups,
      members.map((own, cluster) => plate(cluster, own)).filter((p) => p.rows.length > 0),
    );
  }

  /** A cluster's number on the map, in a small corpus with a sentence's first words. */
  function plate(cluster, own, text = "") {
    const words = text && ` ${shorten(text, NAME_LENGTH)}`;
    return { text: `${cluster + 1}${words}`, rows: own, group: cluster };
  }

  function showFacts(pairs) {
    facts.replaceChildren(
      ...pairs.map(([term, value]) =>
        element("div", {}, element("dt", {}, term), element("dd", {}, value)),
      ),
    );
  }

  /** Replay the shown start from its first choice, one step at a time. */
  async function watch() {
    if (!vectors) return;
    const start = starts.get(seed);
    if (!start || wantsStillness()) return compute();
    const own = begin();
    playing = true;
    name();
    showSeeds(start);
    news.say(`Start ${seed}: k-means++ chose ${k} sentences to start from.`);
    await pause(2 * STEP_TIME);
    let before = new Int32Array(texts.length).fill(-1);
    for await (const made of inSlices(kMeansFromSeed(vectors, width, k, seed))) {
      if (own !== job) return;
      if (!made || made.step === 0) continue;
      const labels = made.labels.map((label) => start.places[label]);
      const moved = rows.filter((row) => before[row] !== labels[row]);
      map.setShown(null);
      paint(labels);
      map.setMarks({
        star: null,
        rows: made.step === 1 ? [] : moved,
        strengths: moved.map(() => 1),
      });
      showFacts([
        ["Step", `${made.step} of ${start.history.length}`],
        ["Moved", String(made.changed)],
        ["Inertia", made.inertia.toFixed(3)],
      ]);
      before = labels;
      await pause(STEP_TIME);
    }
    if (own === job) compute();
  }

  function showSeeds({ chosen, labels }) {
    const mask = new Uint8Array(texts.length);
    for (const row of chosen) mask[row] = 1;
    const groups = [...labels];
    chosen.forEach((row, cluster) => (groups[row] = cluster));
    map.setShown(mask);
    map.setGroups(
      groups,
      chosen.map((row, cluster) =>
        plate(cluster, [row], texts.length <= NAMED ? texts[row] : ""),
      ),
    );
    map.setMarks({ star: null, rows: [], strengths: [] });
    showFacts([["Step", "0"], ["Sentences to start from", String(k)]]);
  }

  /** Run many starts, and show each as a dot as soon as it ends. */
  async function tryMany() {
    if (!vectors) return;
    const own = begin();
    trying = true;
    name();
    const first = starts.size < STARTS ? 0 : Math.max(...starts.keys()) + 1;
    let left = STARTS;
    for (let next = first; left > 0; next++, left--) {
      if (!starts.has(next)) {
        const found = await run(next, own);
        if (!found) return;
        starts.set(next, found);
      }
      if (own !== job) return;
      showStrip();
    }
    compute();
  }

  // The clusters

  function listClusters({ labels }) {
    const means = meansOf(vectors, width, labels, new Float64Array(k * width));
    const items = Array.from({ length: k }, (_, cluster) => {
      const own = rows.filter((row) => labels[row] === cluster);
      return clusterItem(cluster, own, centralFirst(own, means, cluster));
    });
    list.setAttribute("aria-label", `Clusters: ${k}`);
    list.replaceChildren(...items);
  }

  /** Sort a cluster's rows by their cosine with its centre: [row, cosine] each. */
  function centralFirst(own, means, cluster) {
    const centre = means.subarray(cluster * width, (cluster + 1) * width);
    const length = Math.hypot(...centre) || 1;
    return own
      .map((row) => {
        let dot = 0;
        for (let i = 0; i < width; i++) dot += vectors[row * width + i] * centre[i];
        return [row, dot / length];
      })
      .sort((a, b) => b[1] - a[1]);
  }

  function clusterItem(cluster, own, central) {
    const badge = element("span", { class: "ovs-badge" }, String(cluster + 1));
    badge.style.setProperty("--colour", `var(${CLUSTER_COLOURS[cluster]})`);
    const size = own.length === 1 ? "1 sentence" : `${own.length} sentences`;
    const main = mainClasses(own);
    const example = central.length > 0 ? texts[central[0][0]] : "";
    const hits = createHitList({
      onPoint: (row) => map.pointAt(row),
      onChoose: (row) => map.show(row),
    });
    const panel = element("div", { class: "ovs-cluster-open", hidden: true }, hits.el);
    const button = element(
      "button",
      {
        type: "button",
        class: "ovs-cluster",
        "aria-expanded": "false",
        onclick: () => toggle(),
      },
      element("span", { class: "ovs-unseen" }, "Cluster "),
      badge,
      element(
        "span",
        { class: "ovs-cluster-text" },
        element("span", { class: "ovs-cluster-size" }, size),
        main ? element("span", { class: "ovs-cluster-main" }, main) : "",
        element("span", { class: "ovs-cluster-example", dir: "auto" }, example),
      ),
    );

    function toggle() {
      const opens = open !== cluster;
      for (const other of list.querySelectorAll("[aria-expanded=true]")) {
        other.setAttribute("aria-expanded", "false");
        other.nextElementSibling.hidden = true;
      }
      open = opens ? cluster : -1;
      button.setAttribute("aria-expanded", String(opens));
      panel.hidden = !opens;
      if (opens) {
        hits.show(
          `cluster ${cluster + 1}, nearest to its centre`,
          central.slice(0, CENTRAL).map(([row, score]) => ({
            row,
            score,
            text: texts[row],
            topic: topics[topicOf[row]]?.name ?? "",
            colour: `var(${CLUSTER_COLOURS[cluster]})`,
          })),
        );
      }
      map.setShown(
        opens
          ? Uint8Array.from(rows, (row) => (shown.labels[row] === cluster ? 1 : 0))
          : null,
      );
    }

    return element("li", { "data-cluster": String(cluster + 1) }, button, panel);
  }

  /** Name the commonest topics (or fields) of some rows, each with its count. */
  function mainClasses(own) {
    if (!against) return "";
    const counts = new Map();
    for (const row of own) {
      const kind = against.names[against.of[row]];
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    const named = sorted.slice(0, MAIN).map(([kind, n]) => `${kind} ${n}`);
    const rest = sorted.length - MAIN;
    return rest > 0 ? `${named.join(", ")}, and ${rest} more` : named.join(", ");
  }

  // Words

  function describe(row) {
    const topic = topics[topicOf[row]];
    const where = topic ? ` (${topic.field}, ${topic.name})` : "";
    const cluster = shown ? ` Cluster ${shown.labels[row] + 1}.` : "";
    return `${texts[row]}${where}${cluster}`;
  }

  function showPoint(row) {
    caption.textContent =
      row < 0 ? "Point at a sentence on the map to read it here." : describe(row);
    caption.classList.toggle("ovs-empty", row < 0);
  }
}

/** The known classes that clusters can be compared with: topics, and their fields. */
function classesOf(topics, topicOf) {
  if (topics.length === 0) return [];
  const fields = [...new Set(topics.map(({ field }) => field))];
  return [
    {
      title: `${topics.length} topics`,
      names: topics.map(({ name }) => name),
      of: topicOf,
    },
    {
      title: `${fields.length} fields`,
      names: fields,
      of: topicOf.map((topic) => fields.indexOf(topics[topic].field)),
    },
  ];
}

function control(name, input) {
  return element("label", { class: "ovs-control" }, element("span", {}, name), input);
}

function pressable(text, onclick) {
  return element("button", { type: "button", class: "ovs-press", onclick }, text);
}

/** Pass on what a generator yields, and let the page breathe in between. */
async function* inSlices(generator) {
  let since = performance.now();
  for (const made of generator) {
    yield made;
    if (performance.now() - since < SLICE) continue;
    await pause(0);
    since = performance.now();
  }
}

function pause(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

export const clusterMap = { render: renderClusterMap };
export default clusterMap;
