// Writes a plot's data as tables, one for each kind of drawing in it. figures.js loads
// this when a reader unfolds the first.

window.bookPlotTables = (() => {
  const ARRAYS = {
    i1: Int8Array, u1: Uint8Array, u1c: Uint8ClampedArray, i2: Int16Array, u2: Uint16Array,
    i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array,
  };

  // plotly packs a NumPy array as base64; where it has two dimensions, its shape stands by
  const listOf = (values) => {
    if (!values?.bdata) return values ?? [];
    const bytes = Uint8Array.from(atob(values.bdata), (sign) => sign.charCodeAt(0));
    const flat = [...new ARRAYS[values.dtype](bytes.buffer)];
    const [rows, columns] = String(values.shape ?? "").split(",").map(Number);
    if (!columns) return flat;
    return Array.from({ length: rows }, (_, i) => flat.slice(i * columns, (i + 1) * columns));
  };

  // As plotly says it: by a format such as ".2f" or ".0%", else to four digits
  const writers = new Map();
  const writer = (kind, options) => {
    if (!writers.has(kind)) writers.set(kind, new Intl.NumberFormat("en", options));
    return writers.get(kind);
  };
  const shown = (value, format) => {
    if (typeof value !== "number") return plain(value);
    if (!Number.isFinite(value)) return "";
    const [kind, places, sign] = /^,?\.(\d)([f%])$/.exec(format ?? "") ?? [];
    const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
    let write;
    if (sign) write = writer(kind, { style: sign === "%" ? "percent" : "decimal", ...digits });
    else if (Math.abs(value) < 1000 && !Number.isInteger(value)) write = writer("short", { maximumSignificantDigits: 4 });
    else write = writer("whole", { maximumFractionDigits: 0 });
    return write.format(value).replace("-", "−");
  };

  // Titles and labels may hold plotly's own <br> and <b>
  const plain = (text) => String(text ?? "").replace(/<[^>]+>/g, " ").trim();

  const axisOf = (layout, trace, letter) => {
    const name = trace[`${letter}axis`] ?? letter; // "x2"
    return layout[`${letter}axis${name.slice(1)}`] ?? {};
  };
  const titleOf = (layout, trace, letter) => {
    const axis = axisOf(layout, trace, letter);
    const shared = axis.matches ? layout[`${letter}axis${axis.matches.slice(1)}`] : undefined;
    return plain(axis.title?.text ?? axis.title ?? shared?.title?.text);
  };
  const formatOf = (layout, trace, letter) => {
    const axis = axisOf(layout, trace, letter);
    return axis.hoverformat ?? axis.tickformat;
  };

  const tableOf = (caption, head, rows) => {
    const table = document.createElement("table");
    table.createCaption().textContent = caption;
    const top = table.createTHead().insertRow();
    const cell = (row, text, scope) => {
      // What heads nothing is no header
      const one = document.createElement(scope && text ? "th" : "td");
      if (scope && text) one.scope = scope;
      one.textContent = text;
      row.append(one);
    };
    head.forEach((text) => cell(top, text, "col"));
    const body = table.createTBody();
    for (const texts of rows) {
      const row = body.insertRow();
      texts.forEach((text, i) => cell(row, text, i ? "" : "row"));
    }
    return table;
  };

  const grid = (trace, layout, caption) => {
    const z = listOf(trace.z);
    const format = /%\{z:([^}]+)\}/.exec(trace.texttemplate ?? "")?.[1] ?? trace.zhoverformat;
    const place = (values, i) => shown(listOf(values)[i] ?? i);
    return tableOf(
      caption,
      [titleOf(layout, trace, "y"), ...z[0].map((_, i) => place(trace.x, i))],
      z.map((row, i) => [place(trace.y, i), ...row.map((value) => shown(value, format))]),
    );
  };

  const SUMMARY = [
    ["lowerfence", "lower end"], ["q1", "first quarter up to"], ["median", "median"],
    ["q3", "third quarter up to"], ["upperfence", "upper end"],
  ];
  const boxes = (traces, layout, caption) => {
    const across = traces[0].orientation === "h" ? "x" : "y";
    const group = across === "x" ? "y" : "x";
    const named = traces.some((trace) => trace.name);
    // A box that stands under its own name says it once
    const placed = traces.some((trace) => listOf(trace[group]).some((place) => place !== trace.name));
    const rows = traces.flatMap((trace) =>
      listOf(trace.median).map((_, i) => [
        ...(placed ? [shown(listOf(trace[group])[i])] : []),
        ...(named ? [plain(trace.name)] : []),
        ...SUMMARY.map(([key]) => shown(listOf(trace[key])[i], formatOf(layout, trace, across))),
      ]),
    );
    const head = [...(placed ? [titleOf(layout, traces[0], group) || "group"] : []), ...(named ? ["series"] : [])];
    return tableOf(captioned(caption, layout, traces, across), [...head, ...SUMMARY.map(([, name]) => name)], rows);
  };

  const captioned = (caption, layout, traces, letter) => {
    const title = titleOf(layout, traces[0], letter);
    return title ? `${caption} (${title})` : caption;
  };

  // What has no name in the legend is of one colour with what has
  const nameOf = (trace, traces) => {
    if (trace.name) return plain(trace.name);
    const colourOf = ({ marker, line }) => [marker?.color, line?.color].find((one) => typeof one === "string");
    const own = traces.find((other) => other.name && colourOf(other) && colourOf(other) === colourOf(trace));
    const kind = /markers/.test(trace.mode ?? "markers") ? "points" : "line";
    return own ? `${plain(own.name)}, ${kind}` : kind;
  };

  const placesOf = (trace) => {
    const [x, y] = [listOf(trace.x), listOf(trace.y)];
    const steps = (other, from = 0, by = 1) => Array.from(other, (_, i) => from + i * by);
    return { x: x.length ? x : steps(y, trace.x0, trace.dx), y: y.length ? y : steps(x, trace.y0, trace.dy) };
  };

  const errorOf = (trace, letter, value, i) => {
    const error = trace[`error_${letter}`];
    if (!error?.array || error.visible === false) return ["", ""];
    const up = listOf(error.array)[i];
    const down = error.arrayminus ? listOf(error.arrayminus)[i] : up;
    return [value - down, value + up].map((end) => shown(end, formatOf(trace.layout, trace, letter)));
  };

  // A row for each place on the x-axis, where all series have the same and nothing else
  const sideBySide = (traces, layout, caption) => {
    const first = placesOf(traces[0]).x;
    const same = traces.length > 1 && traces.every((trace) => {
      const { x } = placesOf(trace);
      return trace.name && !trace.error_x && !trace.error_y && !Array.isArray(trace.text)
        && trace.xaxis === traces[0].xaxis && trace.yaxis === traces[0].yaxis
        && x.length === first.length && x.every((one, i) => one === first[i]);
    });
    if (!same || new Set(first).size < first.length) return null;
    const columns = traces.map((trace) => placesOf(trace).y.map((y) => shown(y, formatOf(layout, trace, "y"))));
    return tableOf(
      captioned(caption, layout, traces, "y"),
      [titleOf(layout, traces[0], "x") || "x", ...traces.map((trace) => plain(trace.name))],
      first.map((x, i) => [shown(x, formatOf(layout, traces[0], "x")), ...columns.map((column) => column[i])]),
    );
  };

  // A row for each point, with as many columns as these points need
  const pointByPoint = (traces, layout, caption) => {
    const panels = [...new Set(traces.map(({ xaxis = "x", yaxis = "y" }) => xaxis + yaxis))];
    const has = (key) => traces.some((trace) => trace[key] && trace[key].visible !== false);
    const isNamed = (letter) => traces.every((trace) => placesOf(trace)[letter].every((place) => typeof place === "string"));
    const heads = (letter) => {
      const titles = new Set(traces.map((trace) => titleOf(layout, trace, letter)).filter(Boolean));
      return [...titles].join(" or ") || (isNamed(letter) ? "group" : letter);
    };
    const texts = traces.some((trace) => Array.isArray(trace.text));
    const columns = [
      [panels.length > 1, "part", ({ xaxis = "x", yaxis = "y" }) => String(panels.indexOf(xaxis + yaxis) + 1)],
      [traces.length > 1, "series", (trace) => nameOf(trace, traces)],
      [texts, "label", (trace, i) => plain(Array.isArray(trace.text) ? trace.text[i] : "")],
    ];
    for (const letter of isNamed("y") && !isNamed("x") ? ["y", "x"] : ["x", "y"]) {
      columns.push([true, heads(letter), (trace, i, places) => shown(places[letter][i], formatOf(layout, trace, letter))]);
      for (const [end, name] of ["from", "to"].entries()) {
        columns.push([has(`error_${letter}`), name, (trace, i, places) => errorOf({ ...trace, layout }, letter, places[letter][i], i)[end]]);
      }
    }
    const used = columns.filter(([needed]) => needed);
    const rows = traces.flatMap((trace) => {
      const places = placesOf(trace);
      return Array.from(places.x, (_, i) => used.map(([, , write]) => write(trace, i, places)));
    });
    return tableOf(caption, used.map(([, name]) => name), rows);
  };

  return ({ data, layout = {} }, caption) => {
    const isGrid = (trace) => trace.type === "heatmap";
    const isBox = (trace) => trace.type === "box" && trace.median;
    const summaries = data.filter(isBox);
    const points = data.filter((trace) => !isGrid(trace) && !isBox(trace));
    return [
      ...data.filter(isGrid).map((trace) => grid(trace, layout, caption)),
      ...(summaries.length ? [boxes(summaries, layout, caption)] : []),
      ...(points.length ? [sideBySide(points, layout, caption) ?? pointByPoint(points, layout, caption)] : []),
    ];
  };
})();
