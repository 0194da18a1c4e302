// The model in the page: holds the WebAssembly code and its memory, in which the
// weights live once.

import { WordPiece } from "./wordpiece.js";

export class Encoder {
  static PROBLEMS = [
    "",
    "is not a weights file of this encoder",
    "was written for another version of this encoder",
    "has sizes that this encoder cannot run",
    "has another length than it states",
    "is damaged: its checksum differs",
    "needs more memory than this browser gives",
  ];
  static HEADER = { size: 56, text: 24, layers: 28, heads: 32, dim: 36 };

  static problem(number) {
    return new Error(`The weights file ${Encoder.PROBLEMS[number]}.`);
  }

  /**
   * Makes an encoder from the code and the gzipped weights file. Each may be an
   * ArrayBuffer, a typed array, or a stream of bytes. Fails with a sentence for
   * people if a file is not what it should be.
   */
  static async create(wasm, weights) {
    const code = await Encoder.bytes(Encoder.stream(wasm));
    let built;
    try {
      built = await WebAssembly.instantiate(code);
    } catch (error) {
      throw new Error(`This browser cannot run the encoder's code (${error.message}).`);
    }
    const encoder = new Encoder(built.instance.exports);
    const [start, bytes] = await encoder.fill(Encoder.stream(weights));
    const problem = encoder.code.load(start, bytes);
    if (problem) throw Encoder.problem(problem);
    const header = new DataView(encoder.code.memory.buffer, start, Encoder.HEADER.size);
    const size = (name) => header.getUint32(Encoder.HEADER[name], true);
    encoder.layers = size("layers");
    encoder.heads = size("heads");
    encoder.dim = size("dim");
    const text = new Uint8Array(
      encoder.code.memory.buffer, start + Encoder.HEADER.size, size("text"),
    );
    encoder.wordpiece = new WordPiece(JSON.parse(new TextDecoder().decode(text)));
    return encoder;
  }

  /** Returns the CRC-32 (ISO 3309, as in gzip) of some bytes. */
  static checksum(bytes) {
    let sum = -1;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum >>> 0;
  }

  static stream(source) {
    return source instanceof ReadableStream ? source : new Response(source).body;
  }

  static async bytes(stream) {
    const parts = [];
    const reader = stream.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read())
      parts.push(part.value);
    return new Blob(parts).arrayBuffer();
  }

  constructor(code) {
    this.code = code;
    this.count = 0; // of corpus vectors
  }

  /** Unzips a stream straight into the code's memory. Returns its place and size. */
  async fill(stream) {
    const reader = stream.pipeThrough(new DecompressionStream("gzip")).getReader();
    const step = 1 << 20;
    const start = this.reserve(0);
    let end = start;
    let size = 0;
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        if (error instanceof TypeError) throw Encoder.problem(5); // the unzipper's own
        throw error;
      });
      if (done) return [start, size];
      while (start + size + value.length > end) end = this.reserve(step) + step;
      new Uint8Array(this.code.memory.buffer).set(value, start + size);
      size += value.length;
    }
  }

  /** Returns where some bytes of the code's memory begin that are ours from now on. */
  reserve(bytes) {
    const start = this.code.reserve(bytes);
    if (!start) throw Encoder.problem(6);
    return start;
  }

  /** Returns a copy of floats in the code's memory. */
  floats(start, length) {
    return new Float32Array(this.code.memory.buffer, start, length).slice();
  }

  /** Hands token ids to the code and returns how many there are. */
  put(ids) {
    new Uint32Array(this.code.memory.buffer, this.code.ids_at(), ids.length).set(ids);
    return ids.length;
  }

  /** Returns {ids, tokens}: numbers, and the vocabulary's words for them. */
  tokenize(text) {
    const ids = this.wordpiece.encode(text);
    return { ids, tokens: ids.map((id) => this.wordpiece.vocabulary[id]) };
  }

  /** Returns a text's vector: Float32Array(dim) of length 1. */
  encode(text) {
    this.code.encode(this.put(this.wordpiece.encode(text)));
    return this.floats(this.code.pooled_at(), this.dim);
  }

  /**
   * Returns all that happens on the way, for n tokens: {tokens, ids, pooled},
   * hidden: layers + 1 times Float32Array(n * dim), the embeddings first, and
   * attention: per layer a Float32Array(heads * n * n), rows look at columns.
   */
  trace(text) {
    const { ids, tokens } = this.tokenize(text);
    const n = this.put(ids);
    const state = () => this.floats(this.code.hidden_at(), n * this.dim);
    this.code.embed(n);
    const hidden = [state()];
    const attention = [];
    for (let layer = 0; layer < this.layers; layer++) {
      this.code.layer(layer, n);
      hidden.push(state());
      attention.push(this.attention(n));
    }
    this.code.pool(n);
    const pooled = this.floats(this.code.pooled_at(), this.dim);
    return { tokens, ids, hidden, attention, pooled };
  }

  /** Returns the last layer's attention; in memory its rows are padded to fours. */
  attention(n) {
    const wide = (n + 3) & ~3;
    const rows = this.floats(this.code.attention_at(), this.heads * n * wide);
    return rows.filter((_, at) => at % wide < n);
  }

  /**
   * Takes the corpus: an .npy file's bytes, one row a sentence, of float16, float32,
   * or int8 (rows of any length; they are cut to 1). Returns how many rows it has.
   */
  loadVectors(npy) {
    const bytes = new Uint8Array(npy);
    const from = 10 + new DataView(bytes.buffer).getUint16(8, true);
    const head = new TextDecoder("latin1").decode(bytes.subarray(0, from));
    const type = /'descr': '[<|]([fi]\d)'/.exec(head)?.[1];
    const [, count, dim] = /'shape': \((\d+), (\d+)\)/.exec(head)?.map(Number) ?? [];
    if (!["f2", "f4", "i1"].includes(type) || dim !== this.dim)
      throw new Error(`The corpus file has to hold rows of ${this.dim} f2, f4 or i1.`);
    const values = count * dim;
    if (bytes.length !== from + values * Number(type[1]))
      throw new Error("The corpus file has another length than it states.");
    this.rows = this.reserve(4 * values);
    this.scores = this.reserve(4 * count);
    this.count = count;
    const { memory, widen, shorten } = this.code;
    const body = bytes.subarray(from);
    if (type === "f2") {
      const half = this.rows + 2 * values; // see widen in encoder.c
      new Uint8Array(memory.buffer).set(body, half);
      widen(half, this.rows, values);
    } else {
      const given = type === "f4" ? new Float32Array(body.slice().buffer) : new Int8Array(body);
      new Float32Array(memory.buffer, this.rows, values).set(given);
    }
    shorten(this.rows, count);
    return count;
  }

  /** Returns the k corpus rows nearest to a text: [[row, cosine], ...], best first. */
  search(text, k) {
    this.code.encode(this.put(this.wordpiece.encode(text)));
    this.code.score(this.rows, this.count, this.scores);
    const scores = this.floats(this.scores, this.count);
    const hits = [];
    for (let row = 0; row < this.count; row++) {
      if (hits.length === k && scores[row] <= hits[k - 1][1]) continue;
      let place = hits.length;
      while (place > 0 && hits[place - 1][1] < scores[row]) place -= 1;
      hits.splice(place, 0, [row, scores[row]]);
      hits.length = Math.min(hits.length, k);
    }
    return hits;
  }
}
