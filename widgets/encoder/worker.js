// What runs in the worker: brings the files, holds the encoder, answers calls.
//
// A file is either fetched, or it arrives in base64 pieces from the page, because a
// page opened by double-click may not fetch (see encoder_client.js).

import { Encoder } from "./encoder.js";

export class EncoderWorker {
  static KEPT = "sentence-encoder"; // the name of our place in Cache Storage
  static PATIENCE = 60; // seconds without a byte after which a line is held for dead
  static BREATH = 50; // ms of work at a stretch

  constructor(port) {
    this.port = port;
    this.arriving = new Map(); // name of a file -> controllers of the streams that wait
    port.onmessage = ({ data }) => {
      if (data.piece) this.takePiece(data.piece);
      else this.answer(data);
    };
  }

  async answer({ id, call, args }) {
    try {
      this.port.postMessage({ id, result: await this[call](...args) });
    } catch (error) {
      // After these nobody knows what the encoder's memory holds
      const died = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
      this.port.postMessage({ id, problem: error.message, died });
    }
  }

  // ------------------------------------------------------------------ calls

  async load(code, weights) {
    if (this.encoder) return;
    if (typeof DecompressionStream === "undefined")
      throw new Error("This browser is too old: it lacks DecompressionStream.");
    const report = (progress) => this.port.postMessage({ progress });
    const parts = [this.whole(code), this.open(weights, report)];
    try {
      this.encoder = await Encoder.create(...(await Promise.all(parts)));
    } catch (error) {
      await this.forget(weights);
      throw error;
    }
    this.keep(weights); // the first answer needn't wait for it
  }

  async loadVectors(file) {
    return this.encoder.loadVectors(await this.whole(file));
  }

  read(file) {
    return this.whole(file);
  }

  encode(text) {
    return this.encoder.encode(text);
  }

  /** Takes a breath now and then, so that a newer question needn't wait for them all. */
  async encodeBatch(texts) {
    const vectors = [];
    let breath = performance.now();
    for (const text of texts) {
      vectors.push(this.encoder.encode(text));
      if (performance.now() - breath < EncoderWorker.BREATH) continue;
      this.port.postMessage({ busy: true });
      await new Promise((done) => setTimeout(done));
      breath = performance.now();
    }
    return vectors;
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
    // What failed before may lie damaged in the browser's own cache
    const cache = file.again ? "reload" : "default";
    const asked = fetch(file.url, { cache }).catch(() => null);
    const answer = await this.inTime(asked, file);
    if (!answer) throw new Error(`${file.name} can't be fetched: is the line down?`);
    if (!answer.ok)
      throw new Error(`${file.name} can't be fetched: the server says ${answer.status}.`);
    const total = file.bytes ?? (Number(answer.headers.get("content-length")) || 0);
    const [now, later] = this.mayKeep(file) ? answer.body.tee() : [answer.body];
    if (later) this.fresh = later;
    return this.watch(now, file, total, report);
  }

  /** Returns a small file's bytes, checked if its sum is known. */
  async whole(file) {
    const bytes = await Encoder.bytes(await this.open(file, () => {}));
    if (file.crc32 && file.crc32 !== Encoder.checksum(new Uint8Array(bytes)))
      throw new Error(`${file.name} is damaged: its checksum differs. Try again.`);
    return bytes;
  }

  /** Waits for the line, but not for ever. */
  inTime(promise, { name }) {
    const seconds = EncoderWorker.PATIENCE;
    let timer;
    const late = new Promise((_, reject) => {
      const stalled = `${name} doesn't come: nothing for ${seconds} seconds. Try again.`;
      timer = setTimeout(() => reject(new Error(stalled)), 1000 * seconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  /** Counts a stream's bytes, and says so in words if it breaks off. */
  watch(stream, file, total, report, kept = false) {
    const { name } = file;
    const reader = stream.getReader();
    // A slow stick gives all of a script at once: only a line can fall silent
    const next = () => (kept ? reader.read() : this.inTime(reader.read(), file));
    let received = 0;
    const breakOff = (controller) => {
      const mega = (bytes) => (bytes / 1e6).toFixed(1);
      const how = `after ${mega(received)} of ${mega(total)} MB`;
      controller.error(new Error(`${name} broke off ${how}. Try again.`));
    };
    return new ReadableStream({
      pull: async (controller) => {
        const { value, done } = await next().catch((error) => {
          if (error instanceof TypeError) return { done: true }; // the line's own error
          reader.cancel().catch(() => {});
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
    try {
      return Boolean(file.keep && file.sha256 && globalThis.caches);
    } catch {
      return false; // where a reader refuses storage, even to name it may be an error
    }
  }

  /** Returns our place in Cache Storage, or undefined where the browser gives none. */
  async place(file) {
    return this.mayKeep(file) ? caches.open(EncoderWorker.KEPT).catch(() => {}) : undefined;
  }

  /** Files are kept under their sha256: another file has another name. */
  key({ sha256 }) {
    return `https://kept.invalid/${sha256}`;
  }

  async kept(file) {
    const place = await this.place(file);
    return place?.match(this.key(file)).catch(() => {});
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
    const place = await this.place(file);
    await place?.delete(this.key(file)).catch(() => {});
  }

  // ------------------------------------------------- pieces from the page

  awaitPieces({ name }) {
    return new ReadableStream({
      start: (controller) => {
        const others = this.arriving.get(name) ?? [];
        this.arriving.set(name, [...others, controller]);
      },
    });
  }

  takePiece({ name, index, count, base64, problem }) {
    const controllers = this.arriving.get(name);
    if (!controllers) return; // it is whole, or another worker on this page asked for it
    const isLast = problem || index === count - 1;
    if (isLast) this.arriving.delete(name);
    for (const controller of controllers) {
      if (problem) controller.error(new Error(problem));
      else controller.enqueue(EncoderWorker.decode(base64));
      if (isLast && !problem) controller.close();
    }
  }

  /** Returns base64's bytes; of a damaged piece none, so that the file is too short. */
  static decode(base64) {
    try {
      return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    } catch {
      return new Uint8Array(0);
    }
  }
}
