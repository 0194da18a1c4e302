// The legend of the map, and the switches that turn its topics on and off.
import { element } from "./dom.js";

/**
 * Make the switches: one for each field, always in sight and the legend of its colour,
 * and one for each topic, folded away.
 *
 * `topics` is a list of `{name, field}`, `fields` the names in the order of `colours`.
 * `onChange(off)` gets the set of the topics (by index) that are switched off.
 */
export function createTopics({ topics, fields, colours, onChange }) {
  const off = new Set();
  const summary = element("summary", {});
  const topicInputs = topics.map(({ field }, index) =>
    checkbox(fields.indexOf(field), (on) => turn([index], on)),
  );
  const fieldInputs = fields.map((field, i) =>
    checkbox(i, (on) => turn(topicsOf(field), on)),
  );
  const el = element(
    "div",
    { class: "ovs-topics" },
    element(
      "div",
      { class: "ovs-switches", role: "group", "aria-label": "Fields" },
      ...fields.map((field, i) => switchFor(fieldInputs[i], field)),
    ),
    element(
      "details",
      {},
      summary,
      element(
        "p",
        { class: "ovs-all" },
        button("All on", () => turn([...topics.keys()], true)),
        button("All off", () => turn([...topics.keys()], false)),
      ),
      element(
        "div",
        { class: "ovs-fields" },
        ...fields.map((field) =>
          element(
            "fieldset",
            {},
            element("legend", {}, field),
            element(
              "div",
              { class: "ovs-switches" },
              ...topicsOf(field).map((t) => switchFor(topicInputs[t], topics[t].name)),
            ),
          ),
        ),
      ),
    ),
  );

  function checkbox(field, turned) {
    const input = element("input", {
      type: "checkbox",
      class: "ovs-unseen",
      onchange: () => turned(input.checked),
    });
    input.style.setProperty("--colour", `var(${colours[field % colours.length]})`);
    return input;
  }

  function switchFor(input, name) {
    const swatch = element("span", { class: "ovs-swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--colour", input.style.getPropertyValue("--colour"));
    return element("label", { class: "ovs-switch" }, input, swatch, name);
  }

  function button(text, onclick) {
    return element("button", { type: "button", class: "ovs-quiet", onclick }, text);
  }

  function topicsOf(field) {
    return [...topics.keys()].filter((t) => topics[t].field === field);
  }

  function turn(which, on) {
    for (const topic of which) {
      if (on) off.delete(topic);
      else off.add(topic);
    }
    paint();
    onChange(off);
  }

  function paint() {
    topicInputs.forEach((input, t) => {
      input.checked = !off.has(t);
    });
    fieldInputs.forEach((input, i) => {
      const own = topicsOf(fields[i]);
      const on = own.filter((t) => !off.has(t)).length;
      input.checked = on > 0;
      input.indeterminate = on > 0 && on < own.length;
    });
    const shown = topics.length - off.size;
    summary.textContent =
      off.size === 0
        ? `Choose topics (all ${topics.length} shown)`
        : `Choose topics (${shown} of ${topics.length} shown)`;
  }

  paint();
  return el;
}
