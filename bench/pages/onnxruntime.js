// ONNX Runtime by itself, with the tokenizer of transformers.js and mean pooling.

import * as ort from "/ort/ort.wasm.min.mjs";
import { AutoTokenizer, env } from "/transformers/transformers.min.js";
import { measure } from "./measure.js";

const LONGEST = 256;

measure(async () => {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/models/";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/ort/";
  const [tokenizer, session] = await Promise.all([
    AutoTokenizer.from_pretrained("int8"),
    ort.InferenceSession.create("/models/int8/onnx/model.onnx"),
  ]);
  const tokenize = (text) =>
    tokenizer(text, { truncation: true, max_length: LONGEST }).input_ids.data;

  async function encode(text) {
    const ids = tokenize(text);
    const shape = [1, ids.length];
    const input = (data) => new ort.Tensor("int64", data, shape);
    const found = await session.run({
      input_ids: input(ids),
      attention_mask: input(new BigInt64Array(ids.length).fill(1n)),
      token_type_ids: input(new BigInt64Array(ids.length)),
    });
    const states = found.last_hidden_state;
    const dim = states.dims[2];
    const vector = new Float32Array(dim);
    for (let i = 0; i < states.data.length; i++) vector[i % dim] += states.data[i];
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  }

  return {
    encode,
    async encodeAll(texts) {
      const vectors = [];
      for (const text of texts) vectors.push(await encode(text));
      return vectors;
    },
    ids: async (text) => Array.from(tokenize(text), Number),
  };
});
