// A static page's host for widgets: gives each front end, the same module as in a
// notebook, a model to talk to, when it comes near the view. What stands in the page
// stays there until the live widget is ready, and for good if it can't be.
import { element } from "./dom.js";

const NEAR = "600px"; // how far below or above the view a widget is started

/**
 * Bring the widgets of a page to life, each when it comes near the view.
 *
 * @param {object} options
 * @param {{[name: string]: {render: Function}}} options.widgets front ends by the name
 *   that an element carries in `data-widget`; elements of other names are left alone
 * @param {(name: string, el: Element) => object|Promise<object>} options.loadState
 *   gives a widget's state, as its Python class's `page_state()` makes it
 * @param {(message: object, tell: Function) => Promise<object|null>} options.answer
 *   answers a front end's message with what comes back (without kind and id, binary
 *   parts in `buffers`), or with null; may call `tell({share, note})` meanwhile. Its error's text is shown, with a
 *   button to try again.
 */
export function mountWidgets({ widgets, loadState, answer }) {
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        mount(target, widgets, loadState, answer);
      }
    },
    { rootMargin: NEAR },
  );
  for (const el of document.querySelectorAll(".ovs-widget[data-widget]")) {
    if (Object.hasOwn(widgets, el.dataset.widget)) watcher.observe(el);
  }
}

async function mount(el, widgets, loadState, answer) {
  const name = el.dataset.widget;
  try {
    const model = createPageModel(await loadState(name, el), answer);
    const live = element("div");
    await widgets[name].render({ model, el: live, signal: new AbortController().signal });
    el.replaceChildren(live);
    el.dataset.live = "true";
  } catch (error) {
    const why = `The live version of this can't be shown here: ${error.message}`;
    const onclick = () => {
      el.tabIndex = -1; // the pressed button goes, its reader stays here
      el.focus({ preventScroll: true });
      news.remove();
      mount(el, widgets, loadState, answer);
    };
    const again = element("button", { type: "button", onclick }, "Load it again");
    const news = element("div", {}, element("p", { role: "status" }, why), again);
    el.append(news);
  }
}

/** Make what a front end takes for a notebook's model, over a plain state. */
export function createPageModel(state, answer) {
  const listeners = new Map();
  const emit = (event, ...values) => {
    for (const listener of listeners.get(event) ?? []) listener(...values);
  };
  const pass = ({ buffers = [], ...message }) => emit("msg:custom", message, buffers);
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      emit(`change:${name}`);
    },
    save_changes() {},
    on(event, listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event).add(listener);
    },
    off(event, listener) {
      listeners.get(event)?.delete(listener);
    },
    async send(message) {
      const { id } = message;
      const tell = (progress) => pass({ kind: "progress", ...progress });
      try {
        const reply = await answer(message, tell);
        if (reply) pass({ kind: "answer", id, ...reply });
      } catch (error) {
        tell({ share: 1, note: error.message });
        pass({ kind: "answer", id, hits: [], note: error.message, failed: true });
      }
    },
  };
}
