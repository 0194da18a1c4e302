// What a page of the book loads: every widget, the host, and the encoder as its answer.
import { createEncoder } from "../encoder/encoder_client.js";
import { clusterMap } from "./cluster_map.js";
import { element } from "./dom.js";
import { mountWidgets } from "./host.js";
import { modelChooser } from "./model_chooser.js";
import { createPageAnswers } from "./page_answers.js";
import { pairProbe } from "./pair_probe.js";
import { searchMap } from "./search_map.js";
import { tokenXray } from "./token_xray.js";

const WIDGETS = {
  cluster_map: clusterMap,
  model_chooser: modelChooser,
  pair_probe: pairProbe,
  search_map: searchMap,
  token_xray: tokenXray,
};
const states = new Map(); // name of a widget -> what its script will call

/** Bring a page's widgets to life; `base` is where their files are, see book/page.py. */
export function startPage(base, files) {
  globalThis.bookState = (name, state) => states.get(name)(state);
  mountWidgets({
    widgets: WIDGETS,
    loadState: (name) => readState(base, name),
    answer: createPageAnswers(
      (options) => createEncoder({ assets: { base, files }, ...options }),
      "corpus_vectors.npy",
    ),
  });
}

/** Read a widget's state from its script: a page opened by double-click can't fetch. */
function readState(base, name) {
  return new Promise((resolve, reject) => {
    states.set(name, resolve);
    const src = new URL(`${name}.state.js`, base).href;
    const onerror = () => reject(new Error(`${name}.state.js can't be read.`));
    document.head.append(element("script", { src, onerror }));
  });
}
