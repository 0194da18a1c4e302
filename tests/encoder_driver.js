// Runs one job for test_encoder.py: reads a JSON file, writes its answer as another.
// Numbers by the thousand go into files of their own, as plain little-endian arrays.

import { createEncoder } from "../widgets/encoder/encoder_client.js";
import { Encoder } from "../widgets/encoder/encoder.js";

const job = JSON.parse(Deno.readTextFileSync(Deno.args[0]));
const open = () =>
  Encoder.create(Deno.readFileSync(job.wasm), Deno.readFileSync(job.weights));
const write = (name, array) =>
  Deno.writeFileSync(`${job.folder}/${name}`, new Uint8Array(array.buffer));
const join = (arrays) => {
  const all = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
};

// Deno has module workers only, and browsers refuse those to pages from file://
const ModuleWorker = globalThis.Worker;
globalThis.Worker = class extends ModuleWorker {
  constructor(url) {
    super(url, { type: "module" });
  }
};

const jobs = {
  async opens() {
    return await open().then(() => "", (error) => error.message);
  },

  async ids() {
    const encoder = await open();
    return job.texts.map((text) => encoder.wordpiece.encode(text));
  },

  /** Encodes texts; returns their ids and the memory's bytes before and after. */
  async fuzz() {
    const encoder = await open();
    const size = () => encoder.code.memory.buffer.byteLength;
    const before = size();
    const ids = [];
    let finite = 0;
    for (const text of job.texts) {
      ids.push(encoder.tokenize(text).ids);
      if (ids.length % job.encodeEach === 0)
        finite += encoder.encode(text).every(Number.isFinite) ? 1 : 0;
    }
    return { ids, finite, before, after: size() };
  },

  /** The ids of "aXb X" for every character X, without an upper limit. */
  async characters() {
    const encoder = await open();
    encoder.wordpiece.maxTokens = Infinity;
    const ids = [];
    for (const [first, last] of job.blocks) {
      let text = "";
      for (let point = first; point <= last; point++) {
        const x = String.fromCodePoint(point);
        text += `a${x}b ${x} `;
      }
      for (const id of encoder.wordpiece.encode(text)) ids.push(id);
    }
    write("ids", Uint32Array.from(ids));
  },

  async vectors() {
    const encoder = await open();
    write("vectors", join(job.texts.map((text) => encoder.encode(text))));
  },

  async traces() {
    const encoder = await open();
    const traces = job.texts.map((text) => encoder.trace(text));
    write("hidden", join(traces.flatMap((trace) => trace.hidden)));
    write("attention", join(traces.flatMap((trace) => trace.attention)));
    write("pooled", join(traces.map((trace) => trace.pooled)));
    return traces.map(({ tokens, ids }) => ({ tokens, ids }));
  },

  async search() {
    const encoder = await open();
    const answers = [];
    for (const corpus of job.corpora) {
      encoder.loadVectors(Deno.readFileSync(corpus).buffer);
      answers.push(job.texts.map((text) => encoder.search(text, job.k)));
    }
    return answers;
  },

  /** A page's visit over http: the line breaks off, then holds, then a second visit. */
  async visit() {
    const asked = {};
    let breaks = true;
    const server = Deno.serve({ port: 0, onListen() {} }, (request) => {
      const name = new URL(request.url).pathname.slice(1);
      asked[name] = (asked[name] ?? 0) + 1;
      const path = { "encoder.wasm": job.wasm, "minilm.bin": job.weights }[name];
      if (!path) return new Response("", { status: 404 });
      const bytes = Deno.readFileSync(path);
      const part = breaks && name === "minilm.bin" ? bytes.subarray(0, 5e6) : bytes;
      return new Response(part);
    });
    const assets = { base: `http://127.0.0.1:${server.addr.port}/`, files: job.files };
    const progress = [];
    const say = (error) => error.message;
    const first = createEncoder({ assets, onProgress: (p) => progress.push(p) });
    const broken = await first.encode(job.text).catch(say);
    breaks = false;
    const vector = await first.encode(job.text);
    const missing = await first.loadVectors("none.npy").catch(say);
    const tokenized = await first.tokenize(job.text);
    // Writing it to the disk goes on behind the reader's back
    const place = await caches.open("sentence-encoder");
    for (let tries = 0; tries < 100 && !(await place.keys()).length; tries++)
      await new Promise((done) => setTimeout(done, 100));
    const waiting = first.encode(job.text).catch(say);
    first.close();
    const closed = [await waiting, await first.encode(job.text).catch(say)];
    const fetched = asked["minilm.bin"];
    let again = null;
    const second = createEncoder({ assets, onProgress: (p) => (again = p) });
    const same = await second.encode(job.text);
    second.close();
    await server.shutdown();
    return {
      broken, missing, tokenized, closed, fetched, again,
      fetchedInAll: asked["minilm.bin"],
      vector: [...vector],
      same: [...same],
      progress: [progress[0], progress.at(-1)],
    };
  },
};

const answer = await jobs[job.do]();
Deno.writeTextFileSync(`${job.folder}/answer.json`, JSON.stringify(answer ?? null));
Deno.exit(0);
