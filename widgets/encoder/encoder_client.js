// The page's side of the encoder: starts the worker, passes calls, gives promises.

import { Encoder } from "./encoder.js";
import { WordPiece } from "./wordpiece.js";
import { EncoderWorker } from "./worker.js";

const TICK = 10_000; // ms
const SILENT = 12; // ticks without a sign of life after which a worker is held for dead

// Who hears of pieces of files that come by script: one entry for each encoder
const pieceListeners = new Set();

/**
 * Makes an encoder that runs in a worker, so that the page never waits.
 *
 * `assets` is {base, files}: the address of the folder with encoder.wasm and
 * minilm.bin, and for each file {bytes, sha256} as in encoder.json, and crc32 where it
 * is to be checked. Without `files` it works too, but nothing is kept for the next
 * visit. `onProgress` is called with {received, total, kept} while the weights come.
 *
 * Nothing is loaded before the first call. A call that fails because something could
 * not be loaded rejects with a sentence for people; the next call tries again. When the
 * worker dies or falls silent under a call, another is started, and asked the same, once.
 */
export function createEncoder({ assets, onProgress = () => {} }) {
  const { base, files = {} } = typeof assets === "string" ? { base: assets } : assets;
  const folder = new URL(base, globalThis.document?.baseURI ?? globalThis.location?.href);
  // A page opened by double-click may not fetch, but may load classic scripts
  const isOpenedByHand = folder.protocol === "file:" && Boolean(globalThis.document);
  let worker = null;
  let loading = null;
  let closed = false;
  let calls = 0;
  let corpus = null; // the file of vectors, which a worker that is started anew needs too
  let again = false; // whether something failed: then browsers are to ask the line anew
  const waiting = new Map(); // number of a call -> {resolve, reject}
  let scripts = 0; // that are on their way: the worker has nothing to say meanwhile
  let silent = 0; // ticks since the worker's last sign of life
  let clock = 0;

  const stop = (reason, died = false) => {
    clearInterval(clock);
    worker?.terminate();
    worker = loading = null;
    for (const { reject } of waiting.values())
      reject(Object.assign(new Error(reason), { died }));
    waiting.clear();
  };

  // Ticks are counted, and no time is taken: a computer that slept isn't a silent worker
  const tick = () => {
    silent = waiting.size > 0 && scripts === 0 ? silent + 1 : 0;
    const minutes = (TICK * SILENT) / 60_000;
    if (silent >= SILENT)
      stop(`The encoder fell silent: no answer for ${minutes} minutes. Try again.`, true);
  };

  const start = () => {
    if (typeof Worker === "undefined")
      throw new Error("This browser can't run the model: it lacks workers.");
    // The worker's code is these classes' own text: a file of its own could not be
    // loaded from a page opened by double-click
    const code = [WordPiece, Encoder, EncoderWorker].map(String).join("\n");
    const source = `${code}\nnew EncoderWorker(self);`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    // A classic worker: browsers refuse module workers to pages from file://
    const own = new Worker(url);
    worker = own;
    silent = 0;
    clock = setInterval(tick, TICK);
    // What one that was ended had still to say is nothing about its successor
    own.onmessage = ({ data }) => {
      if (own !== worker) return;
      silent = 0;
      if (data.busy) return;
      if (data.progress) return onProgress(data.progress);
      if (data.died) return stop(`The encoder stopped: ${data.problem}. Try again.`, true);
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.problem) reject(new Error(data.problem));
      else resolve(data.result);
    };
    own.onerror = (event) => {
      event.preventDefault?.();
      if (own !== worker) return;
      stop(`The encoder stopped: ${event.message || "its worker was not allowed"}.`, true);
    };
  };

  const send = (call, ...args) =>
    new Promise((resolve, reject) => {
      if (!worker) throw new Error("This encoder was closed.");
      calls += 1;
      waiting.set(calls, { resolve, reject });
      worker.postMessage({ id: calls, call, args });
    });

  const file = (name, keep = false) => {
    const url = isOpenedByHand ? undefined : new URL(name, folder).href;
    return { name, url, keep, again, ...files[name] };
  };

  const passOn = (piece) => worker?.postMessage({ piece });

  // Loads a file's twin, a classic script that calls bookAsset with base64 pieces
  const bring = (name) => {
    if (!isOpenedByHand) return;
    pieceListeners.add(passOn);
    globalThis.bookAsset = (of, index, count, base64) => {
      for (const hear of pieceListeners) hear({ name: of, index, count, base64 });
    };
    const script = document.createElement("script");
    script.src = new URL(`${name}.js`, folder).href;
    scripts += 1;
    const end = (problem) => {
      scripts -= 1;
      script.remove();
      passOn({ name, problem });
    };
    // The last piece has come before, or else it never will
    script.onload = () => end(`${name}.js is damaged: copy the book's folder again.`);
    script.onerror = () => end(`${name}.js can't be read from the book's folder.`);
    document.head.append(script);
  };

  const load = () => {
    if (closed) return Promise.reject(new Error("This encoder was closed."));
    loading ??= (async () => {
      if (!worker) start();
      const loaded = send("load", file("encoder.wasm"), file("minilm.bin", true));
      bring("encoder.wasm");
      bring("minilm.bin");
      await loaded;
      if (corpus) await sendFile("loadVectors", corpus);
    })().catch((error) => {
      again = true;
      stop(error.message);
      throw error;
    });
    return loading;
  };

  const sendFile = (what, name) => {
    const sent = send(what, file(name));
    bring(name);
    return sent.catch((error) => {
      again = true;
      throw error;
    });
  };

  /** Takes some steps, and once more if the worker dies meanwhile. */
  const steadily = async (steps) => {
    try {
      return await steps();
    } catch (error) {
      if (!error.died || closed) throw error;
      return steps();
    }
  };

  const call = (...message) =>
    steadily(async () => {
      await load();
      return send(...message);
    });

  return {
    /** Loads code and weights; every other call does so by itself. */
    load: () => steadily(load),
    /** Float32Array(dim) of length 1. */
    encode: (text) => call("encode", text),
    encodeBatch: (texts) => call("encodeBatch", texts),
    /** {ids, tokens}. */
    tokenize: (text) => call("tokenize", text),
    /** {tokens, ids, hidden, attention, pooled}, as Encoder.trace. */
    trace: (text) => call("trace", text),
    /** Loads the corpus's vectors, an .npy file among the assets; returns how many. */
    async loadVectors(name) {
      const count = await steadily(async () => {
        await load();
        return sendFile("loadVectors", name);
      });
      corpus = name;
      return count;
    },
    /** An asset's bytes, as an ArrayBuffer; the model need not be loaded for it. */
    read(name) {
      return steadily(async () => {
        if (closed) throw new Error("This encoder was closed.");
        if (!worker) start();
        return sendFile("read", name);
      });
    },
    /** {hits: [[row, cosine], ...], ms}, the k best of the corpus's vectors. */
    search: (text, k) => call("search", text, k),
    /** Ends the worker; calls that wait are rejected. */
    close() {
      closed = true;
      pieceListeners.delete(passOn);
      stop("This encoder was closed.");
    },
  };
}
