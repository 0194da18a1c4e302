// The few lines that every part needs to build elements and to read the theme.

// Where this book, JupyterLab, Colab and VS Code say whether the page is dark
const THEME_MARKS = ["data-theme", "data-jp-theme-light", "theme", "class"];

/**
 * Make an element. Properties are set as attributes, functions as listeners
 * (`onclick`), `true` and `false` as bare attributes; strings become text, never HTML.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Read custom properties as colours that a canvas takes, in the theme of `place`. */
export function themeColours(place, names) {
  const probe = element("span", { hidden: true });
  // Where the system sets the colours, all would be one, and a drawing a blot
  probe.style.forcedColorAdjust = "none";
  place.append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}

/** Call `changed` whenever the page turns light or dark, or is about to be printed. */
export function onThemeChange(changed, signal) {
  const watcher = new MutationObserver(changed);
  for (const place of [document.documentElement, document.body]) {
    watcher.observe(place, { attributeFilter: THEME_MARKS });
  }
  signal.addEventListener("abort", () => watcher.disconnect());
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", changed, { signal });
  }
}

/** Tell whether the reader asked for less motion. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Shorten a text for a label or a title; whole code points stay whole. */
export function shorten(text, length = 60) {
  const signs = Array.from(text);
  return signs.length > length ? `${signs.slice(0, length - 1).join("")}…` : text;
}
