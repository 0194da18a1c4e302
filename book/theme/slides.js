// Starts a deck of slides, or, where Quarto has started it, tells it the same things.
(() => {
  const root = document.documentElement;
  // Until here the deck is a page that reads from top to bottom, and without reveal.js
  // it stays one
  if (!window.Reveal && root.classList.contains("as-page")) return;
  root.classList.remove("as-page");

  const stored = () => {
    try {
      return localStorage.getItem("theme"); // what the reader chose in the book
    } catch {
      return null;
    }
  };
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();

  if (new URLSearchParams(location.search).has("print-pdf")) {
    root.dataset.theme = "light";
    root.dataset.draw = "all";
  }

  const turnTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };

  // In a widget the keys are the widget's, until Escape
  const inWidget = () => document.activeElement?.closest(".ovs");
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !inWidget()) return;
    document.activeElement.blur();
    event.stopPropagation();
  }, { capture: true });

  // What is higher than the window scrolls before the slide is turned
  const WAYS = { ArrowDown: 1, PageDown: 1, " ": 1, ArrowUp: -1, PageUp: -1 };
  addEventListener("keydown", (event) => {
    const slide = window.Reveal?.getCurrentSlide?.();
    if (!slide || !(event.key in WAYS) || Reveal.isOverview()) return;
    const uses = event.key === " " ? "a, button, summary, input, textarea, select, .ovs" : "input, textarea, select, .ovs";
    if (event.target.closest?.(uses) || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = event.shiftKey ? -WAYS[event.key] : WAYS[event.key];
    const left = way > 0 ? slide.scrollHeight - slide.clientHeight - slide.scrollTop : slide.scrollTop;
    if (left < 2) return;
    slide.scrollBy({ top: 0.8 * way * slide.clientHeight });
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });

  // Who speaks to the machine can leave it the arrows alone: letters would be heard
  const arrowsOnly = new URLSearchParams(location.search).get("keys") === "arrows";
  const isLetter = ({ key }) => key.length === 1 && key !== " ";
  const options = { keyboardCondition: (event) => !inWidget() && !(arrowsOnly && isLetter(event)) };
  const bind = () => Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" }, turnTheme);

  if (!document.querySelector('meta[name="generator"][content^="quarto"]')) {
    Reveal.initialize({
      ...options,
      // No scaling: under it, a widget wouldn't find the pointer
      width: "100%", height: "100%", margin: 0, minScale: 1, maxScale: 1,
      center: false, hash: true, scrollActivationWidth: null, transition: "none", slideNumber: "c/t", pdfSeparateFragments: false,
      plugins: [RevealNotes],
    }).then(bind);
  } else {
    addEventListener("load", () => {
      Reveal.configure(options);
      bind();
    });
  }
})();
