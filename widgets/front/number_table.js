// Numbers as text: a cosine in one way everywhere, and tables that scroll inside.
import { element } from "./dom.js";

/** A cosine with three decimals and a true minus sign; a dash where there is none. */
export function cosineText(cosine) {
  return Number.isFinite(cosine) ? cosine.toFixed(3).replace("-", "−") : "–";
}

/** Make a table of texts. */
export function createTable(title, titles, lines) {
  const headings = titles.map((text) => element("th", { scope: "col" }, text));
  const row = (line) => element("tr", {}, ...line.map((text) => element("td", {}, text)));
  return element(
    "div",
    { class: "ovs-table", role: "region", tabindex: "0", "aria-label": title },
    element(
      "table",
      {},
      element("caption", {}, title),
      element("thead", {}, element("tr", {}, ...headings)),
      element("tbody", {}, ...lines.map(row)),
    ),
  );
}
