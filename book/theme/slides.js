// Starts a deck of slides, or, where Quarto has started it, tells it the same things.
(() => {
  const root = document.documentElement;

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

  const options = { keyboardCondition: () => !inWidget() };
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
