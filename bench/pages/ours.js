import { createEncoder } from "/ours/encoder_client.js";
import { measure } from "./measure.js";

measure(async () => {
  const base = new URLSearchParams(location.search).get("base") ?? "/ours/";
  const files = await (await fetch(`${base}encoder.json`)).json();
  const encoder = createEncoder({ assets: { base, files } });
  return {
    encode: encoder.encode,
    encodeAll: encoder.encodeBatch,
    ids: async (text) => Array.from((await encoder.tokenize(text)).ids),
  };
});
