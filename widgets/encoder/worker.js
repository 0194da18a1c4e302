// What runs in the worker: brings the files, holds the encoder, answers calls.
//
// A file is either fetched, or it arrives in base64 pieces from the page, because a
// page opened by double-click may not fetch (see encoder_client.js).

import { Encoder } from "./encoder.js";

export class EncoderWorker {
  static KEPT = "sentence-encoder"; // the name of our place in Cache Storage

  constructor(port) {
    this.port = port;
    this.arriving = new Map(); // name of a file -> controller of its stream
    port.onmessage = ({ data }) => {
      if (data.piece) this.takePiece(data.piece);
      else this.answer(data);
    };
  }

  async answer({ id, call, args }) {
    try {
      this.port.postMessage({ id, result: await this[call](...args) });
    } catch (error) {
      this.port.postMessage({ id, problem: error.message });
    }
  }

  // ------------------------------------------------------------------ calls

  async load(code, weights) {
    if (this.encoder) return;
    if (typeof DecompressionStream === "undefined")
      throw new Error("This browser is too old: it lacks DecompressionStream.");
    const report = (progress) => this.port.postMessage({ progress });
    const streams = [this.open(code, () => {}), this.open(weights, report)];
    try {
      this.encoder = await Encoder.create(...(await Promise.all(streams)));
    } catch (error) {
      await this.forget(weights);
      throw error;
    }
    this.keep(weights); // the first answer needn't wait for it
  }

  async loadVectors(file) {
    const stream = await this.open(file, () => {});
    return this.encoder.loadVectors(await Encoder.bytes(stream));
  }

  async read(file) {
    return Encoder.bytes(await this.open(file, () => {}));
  }

  encode(text) {
    return this.encoder.encode(text);
  }

  encodeBatch(texts) {
    return this.encoder.encodeBatch(texts);
  }

  tokenize(text) {
    return this.encoder.tokenize(text);
  }

  trace(text) {
    return this.encoder.trace(text);
  }

  search(text, k) {
    const start = performance.now();
    const hits = this.encoder.search(text, k);
    return { hits, ms: performance.now() - start };
  }

  // ------------------------------------------------------------------ files

  /** Returns a stream of a file's bytes that reports how far it has come. */
  async open(file, report) {
    // Pieces come from the reader's own disk, like what was kept: no line is needed
    if (!file.url) return this.watch(this.awaitPieces(file), file, file.bytes, report, true);
    const kept = await this.kept(file);
    if (kept) return this.watch(kept.body, file, file.bytes, report, true);
    const answer = await fetch(file.url).catch(() => null);
    if (!answer) throw new Error(`${file.name} can't be fetched: is the line down?`);
    if (!answer.ok)
      throw new Error(`${file.name} can't be fetched: the server says ${answer.status}.`);
    const total = file.bytes ?? (Number(answer.headers.get("content-length")) || 0);
    const [now, later] = this.mayKeep(file) ? answer.body.tee() : [answer.body];
    if (later) this.fresh = later;
    return this.watch(now, file, total, report);
  }

  /** Counts a stream's bytes, and says so in words if it breaks off. */
  watch(stream, { name }, total, report, kept = false) {
    const reader = stream.getReader();
    let received = 0;
    const breakOff = (controller) => {
      const mega = (bytes) => (bytes / 1e6).toFixed(1);
      const how = `after ${mega(received)} of ${mega(total)} MB`;
      controller.error(new Error(`${name} broke off ${how}. Try again.`));
    };
    return new ReadableStream({
      pull: async (controller) => {
        const { value, done } = await reader.read().catch((error) => {
          if (error instanceof TypeError) return { done: true }; // the line's own error
          throw error;
        });
        if (done && received < total) return breakOff(controller);
        if (done) return controller.close();
        received += value.length;
        report({ received, total, kept });
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }

  // ------------------------------------------------- kept for the next visit

  mayKeep(file) {
    return Boolean(file.keep && file.sha256 && globalThis.caches);
  }

  /** Files are kept under their sha256: another file has another name. */
  key({ sha256 }) {
    return `https://kept.invalid/${sha256}`;
  }

  async kept(file) {
    if (!this.mayKeep(file)) return null;
    const place = await caches.open(EncoderWorker.KEPT).catch(() => null);
    return (await place?.match(this.key(file))) ?? null;
  }

  /** Keeps what was fetched, now that it has proved sound. */
  async keep(file) {
    const stream = this.fresh;
    if (!stream) return;
    this.fresh = null;
    try {
      const place = await caches.open(EncoderWorker.KEPT);
      await place.put(this.key(file), new Response(stream));
      for (const old of await place.keys())
        if (old.url !== this.key(file)) await place.delete(old);
    } catch {
      // No room, or private browsing: then it is fetched again next time
      await stream.cancel().catch(() => {});
    }
  }

  async forget(file) {
    // Not awaited: it ends when the other half of the stream is let go too
    this.fresh?.cancel().catch(() => {});
    this.fresh = null;
    if (!this.mayKeep(file)) return;
    const place = await caches.open(EncoderWorker.KEPT).catch(() => null);
    await place?.delete(this.key(file));
  }

  // ------------------------------------------------- pieces from the page

  awaitPieces({ name }) {
    return new ReadableStream({
      start: (controller) => this.arriving.set(name, controller),
    });
  }

  takePiece({ name, index, count, base64, problem }) {
    const controller = this.arriving.get(name);
    if (!controller) return; // another worker on this page asked for it
    const isLast = problem || index === count - 1;
    if (isLast) this.arriving.delete(name);
    if (problem) return controller.error(new Error(problem));
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    controller.enqueue(bytes);
    if (isLast) controller.close();
  }
}
