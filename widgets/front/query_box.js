// The box in which a reader types, its examples, and the talk with what computes.
import { element } from "./dom.js";

const PATIENCE = 700; // ms after which a missing answer is worth a word
const LONGEST = 100_000; // characters of a text that are read: more than a model takes

export const RESTARTED = "If it was restarted, run this cell again.";

/** What to say to a reader whose answer takes long, or will never come. */
export const WAITING = `Still waiting for an answer. In a notebook: is its kernel busy? ${RESTARTED}`;

/**
 * Make a search box with a visible label and a button for each example; with `type`
 * "text" it is a plain text box.
 *
 * `onText(text)` is called at every change; `onReach()` once, when the reader first
 * reaches for the box.
 */
export function createQueryBox(options) {
  const { label, placeholder, examples, onText, onReach, type = "search" } = options;
  const input = element("input", {
    type,
    role: type === "search" ? "searchbox" : "textbox",
    class: "ovs-input",
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
    dir: "auto",
    oninput: () => changed(),
  });
  input.addEventListener("focus", onReach, { once: true });
  // JupyterLab's own shortcuts must not take the keys of somebody who types
  input.addEventListener("keydown", (event) => event.stopPropagation());
  input.dataset.lmSuppressShortcuts = "true";
  const chips = examples.map((text) =>
    element(
      "button",
      {
        type: "button",
        class: "ovs-chip",
        "aria-pressed": "false",
        dir: "auto",
        onclick: () => set(text),
      },
      text,
    ),
  );
  const el = element(
    "div",
    { class: "ovs-query" },
    element("label", { class: "ovs-label" }, element("span", {}, label), input),
  );
  if (chips.length > 0) {
    el.append(
      element(
        "div",
        { class: "ovs-chips", role: "group", "aria-label": "Examples to try" },
        ...chips,
      ),
    );
  }

  function changed() {
    press(input.value);
    onText(input.value);
  }

  /** Show which example the answer on the page belongs to. */
  function press(text) {
    chips.forEach((chip, i) => {
      chip.setAttribute("aria-pressed", String(examples[i] === text.trim()));
    });
  }

  function set(text) {
    input.value = text;
    changed();
  }

  return { el, input, set, press };
}

/**
 * Ask a model for answers while a reader types: at once when nothing is under way,
 * else when the answer is back, and then only the newest text.
 *
 * `ask(text)` asks (the message carries `payload(text)`); `cancel()` forgets what was
 * asked; `warm()` tells the model that questions are coming, so that a page may fetch it
 * now. `onAnswer(text, message, buffers)` gets each answer in the order of asking; one
 * that comes after a newer text was sent, or after `cancel()`, is dropped.
 * `onWait(text)` is called when an answer takes long, `onFail(text, error)` when it
 * cannot even be asked for.
 */
export function createAsker(model, options) {
  const { kind, onAnswer, onWait, onFail, signal } = options;
  const { payload = (text) => ({ text }) } = options;
  // Two views of one model hear each other's answers: their numbers must differ
  let number = Math.trunc(Math.random() * 2 ** 40);
  let asked = null;
  let next = null;
  let timer = 0;
  let overdue = false;

  function send(text) {
    number += 1;
    asked = { id: number, text };
    next = null;
    overdue = false;
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Whatever holds this answer up, the newest text need not wait for it
      overdue = true;
      if (next !== null) send(next);
      else onWait(text);
    }, PATIENCE);
    try {
      model.send({ kind, id: number, ...payload(text) });
    } catch (error) {
      cancel();
      const why = `${error.message}. In a notebook: is its kernel there? ${RESTARTED}`;
      onFail(text, new Error(why));
    }
  }

  function cancel() {
    clearTimeout(timer);
    asked = null;
    next = null;
  }

  function receive(message, buffers) {
    if (!asked || message?.kind !== "answer" || message.id !== asked.id) return;
    const { text } = asked;
    const newer = next;
    cancel();
    onAnswer(text, message, buffers);
    // The same text is asked again only where the reader tries again after a failure
    if (newer !== null && (newer !== text || message.failed)) send(newer);
  }

  model.on("msg:custom", receive);
  signal.addEventListener("abort", () => {
    cancel();
    model.off("msg:custom", receive);
  });
  return {
    ask(text) {
      if (asked && !overdue) next = text;
      else send(text);
    },
    cancel,
    warm() {
      try {
        model.send({ kind: "warm" });
      } catch {
        // Nothing was asked yet: the first question will say that it can't be sent
      }
    },
  };
}

/** Return what a model is given of several texts, trimmed, and the notes on any of them. */
export function readableTexts(typed) {
  const whole = typed.map(readable);
  const notes = new Set(whole.map(({ note }) => note));
  return { texts: whole.map(({ text }) => text.trim()), note: [...notes].join(" ").trim() };
}

/**
 * Return what a model is given of a text, and what a reader should know of that, as
 * Python's `readable` does: its beginning, with halves of characters replaced.
 */
export function readable(typed) {
  const signs = typed.length > LONGEST ? Array.from(typed) : [];
  const isLong = signs.length > LONGEST;
  const begin = isLong ? signs.slice(0, LONGEST).join("") : typed;
  const text = begin.replace(
    /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g,
    (sign) => (sign.length === 2 ? sign : "\uFFFD"),
  );
  const notes = [];
  if (text !== begin) notes.push("A broken character was replaced by \uFFFD.");
  if (isLong) {
    const longest = LONGEST.toLocaleString("en");
    notes.push(`Only the first ${longest} characters of this were read.`);
  }
  return { text, note: notes.join(" ") };
}
