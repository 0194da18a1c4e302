// What a page of the book loads: every widget, the host, and the encoder as its answer.
import { Encoder } from "../encoder/encoder.js";
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
const hear = new Map(); // name of a widget -> what its state's script will call
const states = new Map(); // name of a widget -> a promise of its state, as JSON
let styled = null; // a promise of the widgets' style
let failures = 0;

/** Bring a page's widgets to life; `base` is where their files are, see book/page.py. */
export function startPage(base, files) {
  globalThis.bookState = (name, text) => hear.get(name)?.(text);
  const style = () => (styled ??= readStyle(base));
  style().catch(() => {}); // it is said where a widget is to be shown
  mountWidgets({
    widgets: WIDGETS,
    async loadState(name) {
      await style();
      if (!states.has(name)) states.set(name, readState(base, name, files));
      try {
        return JSON.parse(await states.get(name));
      } catch (error) {
        states.delete(name);
        throw error;
      }
    },
    answer: createPageAnswers(
      (options) => createEncoder({ assets: { base, files }, ...options }),
      "corpus_vectors.npy",
    ),
  });
}

function readStyle(base) {
  return new Promise((resolve, reject) => {
    const file = "widgets.css";
    const onerror = () => {
      styled = null;
      failures += 1;
      reject(new Error(`${file} can't be read.`));
    };
    const link = { rel: "stylesheet", href: addressOf(base, file), onload: resolve, onerror };
    document.head.append(element("link", link));
  });
}

/** Give another address for another try, or the browser gives again what it kept. */
function addressOf(base, file) {
  return new URL(failures ? `${file}?${failures}` : file, base).href;
}

/** Read a widget's state from its script: a page opened by double-click can't fetch. */
async function readState(base, name, files) {
  const file = `${name}.state.js`;
  try {
    const text = await new Promise((resolve, reject) => {
      hear.set(name, resolve);
      const src = addressOf(base, file);
      const onerror = () => reject(new Error(`${file} can't be read.`));
      // What it hands over has come before, or else never will
      const onload = () => reject(new Error(`${file} is damaged.`));
      document.head.append(element("script", { src, onload, onerror }));
    });
    if (files[file].crc32 !== Encoder.checksum(new TextEncoder().encode(text))) {
      throw new Error(`${file} is damaged: its checksum differs.`);
    }
    return text;
  } catch (error) {
    failures += 1;
    throw error;
  }
}
