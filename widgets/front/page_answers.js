// Answers the widgets of a page by the encoder that runs there, as a notebook's kernel
// would: the same messages, the same notes.

const TOP_K = 20;
const LIMIT = 256; // word pieces that the model reads, its two marks among them
const COMES = "The model is coming. The examples above answer without it.";

/**
 * Make the `answer` that a page's host takes, over an encoder's client.
 *
 * `createEncoder({onProgress})` makes the client; `vectors` names the corpus's vectors
 * among its assets. Nothing is fetched before the reader reaches for a widget.
 */
export function createPageAnswers(createEncoder, vectors) {
  let tell = () => {};
  const encoder = createEncoder({
    onProgress: ({ received, total, kept }) =>
      tell({
        share: total ? Math.min(0.99, received / total) : 0,
        note: kept ? "" : `${COMES} It is fetched once: ${megabytes(total)}.`,
      }),
  });

  const load = untilDone(async () => {
    await encoder.load();
    tell({ share: 1, note: "The model is here." });
  });
  const loadCorpus = untilDone(() => encoder.loadVectors(vectors));

  const answers = {
    async warm() {
      await load();
      return null;
    },
    async query({ text }) {
      await load();
      await loadCorpus();
      const [{ hits }, { tokens }] = await Promise.all([
        encoder.search(text, TOP_K),
        encoder.tokenize(text),
      ]);
      return { hits, note: readingNote(text, tokens) };
    },
    async encode({ texts }) {
      await load();
      const rows = await encoder.encodeBatch(texts);
      const notes = new Set();
      for (const text of texts.slice(0, 2)) {
        notes.add(readingNote(text, (await encoder.tokenize(text)).tokens));
      }
      const note = [...notes].join(" ").trim();
      return { width: rows[0]?.length ?? 0, note, buffers: [joinedFloats(rows)] };
    },
    async trace({ text }) {
      await load();
      const { tokens, ids, hidden, attention, pooled } = await encoder.trace(text);
      return {
        tokens,
        ids,
        layers: attention.length,
        heads: attention[0].length / tokens.length ** 2,
        width: pooled.length,
        note: readingNote(text, tokens),
        buffers: [joinedFloats(hidden), joinedFloats(attention), pooled],
      };
    },
    async vectors() {
      const rows = readRows(await encoder.read(vectors));
      return { width: rows.width, buffers: [rows.values] };
    },
  };

  return async function answer(message, tellReader) {
    if (!Object.hasOwn(answers, message.kind)) return null;
    tell = tellReader;
    return answers[message.kind](message);
  };
}

/** Make a step that is taken once; when it fails, it is tried again at the next call. */
function untilDone(step) {
  let done = null;
  return async () => {
    const taken = (done ??= step());
    try {
      await taken;
    } catch (error) {
      if (done === taken) done = null; // else a newer one is under way
      throw new Error(`${error.message} The examples above still have their answers.`);
    }
  };
}

/** Read an .npy file of float16 rows: {width, values}, each row cut to length 1. */
export function readRows(npy) {
  const view = new DataView(npy);
  const from = 10 + view.getUint16(8, true);
  const head = new TextDecoder("latin1").decode(new Uint8Array(npy, 0, from));
  const [, count, width] = /'<f2'.*'shape': \((\d+), (\d+)\)/.exec(head)?.map(Number) ?? [];
  if (npy.byteLength !== from + 2 * count * width) {
    throw new Error("The file of the corpus's vectors is not whole. Try again.");
  }
  const values = new Float32Array(count * width);
  for (let i = 0; i < values.length; i += 1) {
    values[i] = fromHalf(view.getUint16(from + 2 * i, true));
  }
  for (let row = 0; row < count; row += 1) {
    const vector = values.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...vector);
    vector.forEach((value, i) => (vector[i] = value / length));
  }
  return { width, values };
}

/** Return the number that a float16's 16 bits stand for (IEEE 754). */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return (sign * fraction) / 2 ** 24;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

function joinedFloats(arrays) {
  const joined = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

/** Say what a reader should know of how the model read a text, as Python does. */
export function readingNote(text, tokens) {
  const pieces = tokens.slice(1, -1);
  const letters = text.match(/\p{L}/gu) ?? [];
  const foreign = letters.filter((letter) => letter > "\u024f").length;
  const signs = Array.from(text.replace(/\s/g, "")).length;
  if (pieces.length === 0) {
    return "The model reads nothing in this: its answer is chance.";
  }
  if (pieces.every((piece) => piece === "[UNK]")) {
    return "The model has no word piece for any of this: its answer is chance.";
  }
  if (2 * foreign > letters.length && pieces.length > 0.6 * signs) {
    return "The model reads this writing letter by letter: its answer is near chance.";
  }
  if (tokens.length >= LIMIT) {
    return `This is long: the model reads the first ${LIMIT - 2} word pieces at most.`;
  }
  return "";
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}
