// The book's own search map over the corpus, each keystroke timed to its answer.

import { createPageModel } from "/front/host.js";
import { createPageAnswers } from "/front/page_answers.js";
import searchMap from "/front/search_map.js";
import { createEncoder } from "/ours/encoder_client.js";

window.keystrokes = []; // {answered, shown, drawn} in ms

const json = async (path) => (await fetch(path)).json();

window.ready = (async () => {
  const [state, files] = await Promise.all([
    json("/typing.json"),
    json("/ours/encoder.json"),
  ]);
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: "/front/style.css" });
  document.head.append(style);
  const points = new Float32Array(state.points);
  state.points = new DataView(points.buffer);

  let pressed = 0; // when the newest key came: the one that is asked about
  document.addEventListener("input", ({ timeStamp }) => (pressed = timeStamp), true);
  const answer = createPageAnswers(
    (options) => createEncoder({ assets: { base: "/ours/", files }, ...options }),
    "corpus_vectors.npy",
  );
  const model = createPageModel(state, async (message, tell) => {
    const asked = performance.now();
    const key = pressed;
    const reply = await answer(message, tell);
    if (reply) noteWhenShown(key, performance.now() - asked);
    return reply;
  });

  // The reply is passed on in the microtasks before this message is handled
  function noteWhenShown(key, answered) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      const shown = performance.now() - key;
      requestAnimationFrame(() =>
        setTimeout(() => {
          window.keystrokes.push({ answered, shown, drawn: performance.now() - key });
        }),
      );
    };
    port2.postMessage(null);
  }

  const el = document.createElement("main");
  document.body.append(el);
  searchMap.render({ model, el, signal: new AbortController().signal });
  await answer({ kind: "warm" }, () => {});
})();
