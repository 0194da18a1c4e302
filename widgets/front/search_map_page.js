// SearchMap in a notebook whose reader lets the page compute: the same front end, the
// encoder of the rendered book, and a kernel that only hands over the files.
import { createEncoder } from "../encoder/encoder_client.js";
import { createPageModel } from "./host.js";
import { createPageAnswers } from "./page_answers.js";
import { RESTARTED } from "./query_box.js";
import { searchMap } from "./search_map.js";

const CORPUS = "corpus.npy";
const LONGEST_WAIT = 60_000; // ms without a piece after which the kernel is held for gone

function renderInPage({ model, el, signal }) {
  let encoder = null;
  let answering = null;
  const pieces = {}; // name of a file -> its pieces so far, for another try too
  const begin = async (tell) => {
    const files = await bringFiles(model, pieces, tell);
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

/** Ask the kernel for all that is missing; return {name: {url, bytes}} of every file. */
async function bringFiles(model, pieces, tell) {
  const sizes = Object.entries(model.get("files"));
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const note = `The kernel hands over the model: ${Math.round(total / 1e6)} MB.`;
  const files = {};
  let received = 0;
  for (const [name, bytes] of sizes) {
    const parts = (pieces[name] ??= []);
    let from = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (from < bytes) {
      tell({ share: (received + from) / total, note });
      const piece = await bringPiece(model, name, from);
      parts.push(piece);
      from += piece.byteLength;
    }
    received += bytes;
    files[name] = { url: URL.createObjectURL(new Blob(parts)), bytes };
  }
  return files;
}

function bringPiece(model, name, from) {
  const id = `${name} from ${from}`;
  let receive;
  let timer;
  return new Promise((resolve, reject) => {
    receive = (message, buffers) => {
      if (message?.kind !== "answer" || message.id !== id) return;
      if (message.failed) reject(new Error(message.note));
      else if (buffers?.[0]?.byteLength > 0) resolve(buffers[0]);
      else reject(new Error(`A piece of ${name} came empty. Try again.`));
    };
    const silent = `The kernel hands nothing over: is it busy? ${RESTARTED}`;
    timer = setTimeout(() => reject(new Error(silent)), LONGEST_WAIT);
    model.on("msg:custom", receive);
    model.send({ kind: "piece", id, name, from });
  }).finally(() => {
    clearTimeout(timer);
    model.off("msg:custom", receive);
  });
}

export const searchMapInPage = { render: renderInPage };
export default searchMapInPage;
