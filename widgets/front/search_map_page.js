// SearchMap in a notebook whose reader lets the page compute: the same front end, the
// encoder of the rendered book, and a kernel that only hands over the files.
import { createEncoder } from "../encoder/encoder_client.js";
import { createPageModel } from "./host.js";
import { createPageAnswers } from "./page_answers.js";
import { searchMap } from "./search_map.js";

const CORPUS = "corpus.npy";

function renderInPage({ model, el, signal }) {
  let encoder = null;
  let answering = null;
  const begin = async (tell) => {
    const files = await bringFiles(model, tell);
    return createPageAnswers((options) => {
      encoder = createEncoder({ assets: { base: ".", files }, ...options });
      return encoder;
    }, CORPUS);
  };
  const page = createPageModel({}, async (message, tell) => {
    answering ??= begin(tell).catch((error) => {
      answering = null; // so that the next question tries again
      throw error;
    });
    return (await answering)(message, tell);
  });
  const host = { ...page, get: (name) => model.get(name) };
  const end = searchMap.render({ model: host, el, signal });
  const stop = () => {
    end();
    encoder?.close();
  };
  signal?.addEventListener("abort", stop);
  return stop;
}

/** Ask the kernel for every file; return {name: {url, bytes}} for the encoder. */
async function bringFiles(model, tell) {
  const sizes = Object.entries(model.get("files"));
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const note = `The kernel hands over the model: ${Math.round(total / 1e6)} MB.`;
  const files = {};
  let received = 0;
  for (const [name, bytes] of sizes) {
    const parts = [];
    for (let from = 0; from < bytes; from += parts.at(-1).byteLength) {
      tell({ share: (received + from) / total, note });
      parts.push(await bringPiece(model, name, from));
    }
    received += bytes;
    files[name] = { url: URL.createObjectURL(new Blob(parts)), bytes };
  }
  return files;
}

function bringPiece(model, name, from) {
  const id = `${name} from ${from}`;
  return new Promise((resolve, reject) => {
    const receive = (message, buffers) => {
      if (message?.kind !== "answer" || message.id !== id) return;
      model.off("msg:custom", receive);
      if (message.failed) reject(new Error(message.note));
      else resolve(buffers[0]);
    };
    model.on("msg:custom", receive);
    model.send({ kind: "piece", id, name, from });
  });
}

export const searchMapInPage = { render: renderInPage };
export default searchMapInPage;
