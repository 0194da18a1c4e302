// Which models meet a reader's wishes, which of them are worth a look, and which to take.

const TESTED = ["en", "de", "zh"]; // the languages of STS-B and XQuAD here
const CHEAPER = 2; // times as fast or as small: enough to outweigh a difference by chance

/** What a score can be: whose figure it is, for which task, and on what. */
export const SCORES = {
  stsb: { task: "similarity", measured: true, name: "STS-B" },
  xquad: { task: "search", measured: true, name: "XQuAD" },
  sbert_sentences: { task: "similarity", measured: false, name: "sbert.net's 14 sets" },
  sbert_search: { task: "search", measured: false, name: "sbert.net's 6 search sets" },
};

/** The two costs that a score is weighed against. */
export const COSTS = {
  speed: { name: "speed", better: "more", more: "as fast", of: (row) => row.speed },
  size_mb: { name: "size", better: "less", more: "smaller", of: (row) => row.size_mb },
};

/** The tested languages that a score is for: the wished ones among them, or English. */
export function scoredLanguages({ score, languages }) {
  if (!SCORES[score].measured) return [];
  const wished = TESTED.filter((code) => languages.includes(code));
  return wished.length > 0 ? wished : ["en"];
}

/**
 * Return a model's score for the wishes, the lowest over the wished languages:
 * {value, interval, language}; null where there is no figure.
 */
export function scoreOf(row, wishes) {
  if (!SCORES[wishes.score].measured) {
    const value = row[wishes.score] ?? null;
    return value === null ? null : { value, interval: null, language: "" };
  }
  const found = scoredLanguages(wishes).map((language) => ({
    value: row[`${wishes.score}_${language}`] ?? null,
    interval: row[`${wishes.score}_${language}_interval`] ?? null,
    language,
  }));
  if (found.some(({ value }) => value === null)) return null;
  return found.reduce((least, one) => (one.value < least.value ? one : least));
}

/** List what speaks against a model: {wish, why} for each wish that it fails. */
export function objections(row, wishes) {
  const { task } = SCORES[wishes.score];
  const missing = wishes.languages.filter((code) => !row.languages.includes(code));
  const found = [];
  const object = (wish, why) => found.push({ wish, why });
  if (!row.tasks.includes(task)) object("task", `made for ${row.tasks.join(" and ")}`);
  if (missing.length > 0) {
    object("languages", `not made for ${missing.map(languageName).join(", ")}`);
  }
  // Without a limit there is nothing that a long text could run into
  if (row.max_tokens !== null && row.max_tokens < wishes.tokens) {
    object("tokens", `reads ${row.max_tokens} tokens, not ${wishes.tokens}`);
  }
  if (wishes.size !== null && !(row.size_mb <= wishes.size)) {
    object("size", `${row.size_mb} MB, more than ${wishes.size}`);
  }
  if (wishes.speed > 0 && !(row.speed >= wishes.speed)) {
    object("speed", `${times(row.speed)} MiniLM's speed, not ${times(wishes.speed)}`);
  }
  if (wishes.dimensions !== null && !(row.dimensions <= wishes.dimensions)) {
    object("dimensions", `${row.dimensions} dimensions, more than ${wishes.dimensions}`);
  }
  if (wishes.licence && row.licence !== wishes.licence) {
    object("licence", `licence ${row.licence}`);
  }
  return found;
}

/** Judge every model: {row, score, cost, against, onFront}, in the table's order. */
export function judge(rows, wishes, cost) {
  const judged = rows.map((row) => ({
    row,
    score: scoreOf(row, wishes),
    cost: COSTS[cost].of(row) ?? null,
    against: objections(row, wishes),
    onFront: false,
  }));
  const inPlay = judged.filter(
    ({ score, against, cost: own }) => score && own !== null && against.length === 0,
  );
  const gain = COSTS[cost].better === "more" ? 1 : -1;
  for (const one of inPlay) {
    one.onFront = !inPlay.some(
      (other) =>
        other.score.value >= one.score.value &&
        gain * other.cost >= gain * one.cost &&
        (other.score.value > one.score.value || gain * other.cost > gain * one.cost),
    );
  }
  return judged;
}

/**
 * Recommend a model: {pick, words}, `pick` a judged model or null, `words` sentences.
 *
 * The best score wins, unless a model on the front is at least twice as cheap and the
 * evaluation set can't tell the two apart: see `clearly_above` in the measurements.
 */
export function advise(judged, wishes, cost) {
  const fitting = judged.filter(({ against }) => against.length === 0);
  if (fitting.length === 0) return { pick: null, words: nothingFits(judged) };
  const scored = fitting
    .filter(({ score }) => score)
    .sort((a, b) => b.score.value - a.score.value);
  if (scored.length === 0) {
    const names = fitting.map(({ row }) => row.name).join(", ");
    const words = [
      `${names} ${fitting.length === 1 ? "fits" : "fit"}, but there is no figure of ` +
        "this kind for it. Choose another score, or measure it on your own data.",
    ];
    return { pick: null, words };
  }
  const bare = fitting.filter(({ score }) => !score).map(({ row }) => row.name);
  const unknown = bare.length
    ? [`Without a figure of this kind, so not compared: ${bare.join(", ")}.`]
    : [];
  const best = scored[0];
  const cheaper = scored
    .filter((one) => one.onFront && one !== best && gainOf(one, best, cost) >= CHEAPER)
    .sort((a, b) => b.score.value - a.score.value)[0];
  const of = scoreName(best.score, wishes);
  if (!cheaper) return { pick: best, words: [takeBest(best, scored, wishes), ...unknown] };
  const gain = `${round(gainOf(cheaper, best, cost))} times ${COSTS[cost].more}`;
  const [value, other] = [best, cheaper].map(({ score }) => score.value.toFixed(1));
  if (isTied(best, cheaper, wishes)) {
    return {
      pick: cheaper,
      words: [
        `Take ${cheaper.row.name}. ${best.row.name} scores ${value} on ${of} to its ` +
          `${other}, but so small a lead may be chance: drawn again from this set, the ` +
          "test items put either one ahead.",
        `And ${cheaper.row.name} is ${gain}.`,
        ...unknown,
      ],
    };
  }
  const lost = (best.score.value - cheaper.score.value).toFixed(1);
  return {
    pick: best,
    words: [
      takeBest(best, scored, wishes),
      `If ${COSTS[cost].name} matters more, ${cheaper.row.name} is ${gain} and gives up ` +
        `${lost} points.`,
      ...unknown,
    ],
  };
}

function takeBest(best, scored, wishes) {
  const { row, score } = best;
  const among =
    scored.length === 1
      ? "the only one that fits and has a figure"
      : `the best of the ${scored.length} that fit`;
  const value = ({ score: own }) => own.value.toFixed(1);
  const equals = scored
    .filter((one) => one !== best && isTied(best, one, wishes))
    .map((one) => `${one.row.name} (${value(one)})`);
  const tie = equals.length ? ` The set can't tell it from ${equals.join(", ")}.` : "";
  return `Take ${row.name}: ${value(best)} on ${scoreName(score, wishes)}, ${among}.${tie}`;
}

/** Say which wish to drop, if one alone keeps models out. */
function nothingFits(judged) {
  const alone = new Map();
  for (const { row, against } of judged) {
    if (against.length !== 1) continue;
    const [{ wish }] = against;
    alone.set(wish, [...(alone.get(wish) ?? []), row.name]);
  }
  if (alone.size === 0) return ["No model here fits, whichever single wish you drop."];
  const names = {
    task: "the task",
    languages: "a language",
    tokens: "the length of the text",
    size: "the size",
    speed: "the speed",
    dimensions: "the dimensions",
    licence: "the licence",
  };
  const ways = [...alone].map(([wish, rows]) => `${names[wish]} (${rows.join(", ")})`);
  return [`No model here fits. One wish less would do: drop ${ways.join(", or ")}.`];
}

/** How many times as cheap the first is as the second. */
function gainOf(one, other, cost) {
  if (one.cost === null || other.cost === null) return 0;
  return COSTS[cost].better === "more" ? one.cost / other.cost : other.cost / one.cost;
}

/** Whether the set leaves open which of two models scores better on it. */
function isTied(best, other, { score }) {
  const { language } = best.score;
  const clear = best.row.clearly_above?.[`${score}_${language}`];
  return (
    Boolean(clear) &&
    other.score.language === language &&
    !clear.includes(other.row.name)
  );
}

/** Name what a score was measured on, with its language. */
export function scoreName({ language }, wishes) {
  const { name } = SCORES[wishes.score];
  if (!language) return name;
  const several = scoredLanguages(wishes).length > 1;
  return `${name} in ${languageName(language)}${several ? " (its weakest)" : ""}`;
}

export function languageName(code) {
  return new Intl.DisplayNames(["en"], { type: "language" }).of(code);
}

/** Write a multiple: 0.154 as "0.15 ×", 12.3 as "12 ×". */
export function times(value) {
  return value === null || value === undefined ? "unknown" : `${round(value)} ×`;
}

function round(value) {
  return value >= 10 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(2));
}
