// Where the time of our encoder goes, step by step, with nothing at the same time.

import { createEncoder } from "/ours/encoder_client.js";
import { Encoder } from "/encoder/encoder.js";

const middle = (times) => times.sort((a, b) => a - b)[times.length >> 1];

async function timed(job) {
  const start = performance.now();
  const made = await job();
  return [performance.now() - start, made];
}

async function each(texts, job) {
  const times = [];
  for (const text of texts) times.push((await timed(() => job(text)))[0]);
  return middle(times);
}

window.steps = async (queries, texts) => {
  const found = {};
  const step = async (name, job) => {
    const [ms, made] = await timed(job);
    found[name] = ms;
    return made;
  };
  const get = async (path) => (await fetch(path)).arrayBuffer();
  found["navigation to the page's first line"] = scriptStart;
  const code = await step("fetch encoder.wasm", () => get("/ours/encoder.wasm"));
  const packed = await step("fetch minilm.bin", () => get("/ours/minilm.bin"));
  const unzip = new DecompressionStream("gzip");
  await step("unzip it, alone", () =>
    new Response(new Response(packed).body.pipeThrough(unzip)).arrayBuffer(),
  );
  const encoder = await step("compile, unzip, check: ready", () =>
    Encoder.create(code, packed),
  );
  await step("first vector after that", () => encoder.encode(texts[0]));

  found["query: word pieces"] = await each(queries, (text) => encoder.tokenize(text));
  found["query: without worker"] = await each(queries, (text) => encoder.encode(text));
  const clients = [1, 2].map(() => createEncoder({ assets: "/ours/" }));
  for (const client of clients) await client.encodeBatch(queries);
  found["query: through the worker"] = await each(queries, clients[0].encode);
  await step("100 texts, one worker", () => clients[0].encodeBatch(texts));
  const half = texts.length / 2;
  await step("100 texts, two workers", () =>
    Promise.all([
      clients[0].encodeBatch(texts.slice(0, half)),
      clients[1].encodeBatch(texts.slice(half)),
    ]),
  );
  const tokens = queries.map((text) => encoder.tokenize(text).ids.length);
  found["tokens in a query"] = middle(tokens);
  return found;
};

const scriptStart = performance.now();
