// transformers.js, told to ask no other host.

import { env, pipeline } from "/transformers/transformers.min.js";

const ORT = "/transformers-ort/ort-wasm-simd-threaded";
const HOW = { pooling: "mean", normalize: true };

/**
 * Opens a model.
 *
 * `runtime` is the build of ONNX Runtime ("" is the plain one), `batch` whether many
 * texts are given at once. What is left out stays as the library has it: `threads`,
 * `keep` (in Cache Storage), and `longest` in tokens.
 */
export async function open({ model, runtime = "", batch, threads, keep, longest }) {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/models/";
  const { wasm } = env.backends.onnx;
  wasm.wasmPaths = { mjs: `${ORT}${runtime}.mjs`, wasm: `${ORT}${runtime}.wasm` };
  if (threads) wasm.numThreads = threads;
  if (keep === false) env.useBrowserCache = false;
  const extract = await pipeline("feature-extraction", model);
  const { tokenizer } = extract;
  if (longest) tokenizer.config.model_max_length = longest;
  const encode = async (text) => (await extract(text, HOW)).data;
  return {
    encode,
    async encodeAll(texts) {
      if (batch) return (await extract(texts, HOW)).data;
      const vectors = [];
      for (const text of texts) vectors.push(await encode(text));
      return vectors;
    },
    ids: async (text) =>
      Array.from(tokenizer(text, { truncation: true }).input_ids.data, Number),
  };
}
