// What is going on, in one line: a note, a bar while the model comes, another try.
import { element } from "./dom.js";
import { WAITING } from "./query_box.js";

const QUIET = 350; // ms of quiet before the line speaks

/**
 * Make the line of news. `onAgain()` is called when the reader wants another try.
 *
 * `say(text)` speaks once the reader's hands rest, so that a screen reader can follow;
 * `fail(note)` also offers another try, until `calm()`.
 */
export function createNews(model, { onAgain, signal }) {
  const line = element("p", { class: "ovs-status", role: "status", tabindex: "-1" });
  const bar = element("progress", { max: "1", "aria-label": "Loading the model" });
  const again = element(
    "button",
    {
      type: "button",
      class: "ovs-quiet",
      onclick: () => {
        calm();
        // Said at once, so that the same failure again is news
        clearTimeout(saying.timer);
        saying.text = line.textContent = "Trying again.";
        onAgain();
      },
    },
    "Try again",
  );
  bar.hidden = true;
  again.hidden = true;
  let saying = { text: "", timer: 0 };

  function say(text) {
    if (text === saying.text) return;
    clearTimeout(saying.timer);
    const timer = setTimeout(() => (line.textContent = text), QUIET);
    saying = { text, timer };
  }

  function calm() {
    // Who pressed a button that goes stays where it was
    if (again.matches(":focus")) line.focus();
    again.hidden = true;
  }

  function showProgress(message) {
    if (message?.kind !== "progress") return;
    bar.hidden = message.share >= 1;
    if (message.share > 0) bar.value = message.share;
    else bar.removeAttribute("value");
    if (message.note) say(message.note);
  }

  model.on("msg:custom", showProgress);
  signal.addEventListener("abort", () => {
    clearTimeout(saying.timer);
    model.off("msg:custom", showProgress);
  });
  return {
    el: element("div", { class: "ovs-news" }, line, bar, again),
    say,
    calm,
    fail(note) {
      say(note);
      again.hidden = false;
    },
    wait() {
      if (!bar.hidden || !again.hidden) return; // there is better news
      say(WAITING);
    },
  };
}
