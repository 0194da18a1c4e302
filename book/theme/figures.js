// Draws the plots (.plot elements) when the reader nears them. A plot holds its data, or
// names the script that does. plotly comes once, from beside this script, and only then.
// A page for paper says so by html[data-draw="all"], and gets all of them at once.
// Below each plot its data wait, folded, as a table.

(() => {
  const here = document.currentScript.src;
  const loads = new Map();

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const load = (src) => {
    if (!loads.has(src)) {
      loads.set(src, new Promise((done, failed) => {
        document.head.append(make("script", { src, onload: done, onerror: failed }));
      }));
      loads.get(src).catch(() => loads.delete(src)); // to be tried again
    }
    return loads.get(src);
  };

  const figureOf = async (plot) => {
    const { from, plot: place } = plot.dataset;
    if (!from) return JSON.parse(plot.querySelector("script").textContent);
    await load(new URL(from, document.baseURI).href);
    return window.bookPlots[place];
  };

  // A probe, because a custom property holds "light-dark(…)" and not a colour
  const colour = (name) => {
    const probe = document.createElement("i");
    // Where the system sets the colours, all would be one, and a label a blot
    probe.style.cssText = `color: var(${name}); forced-color-adjust: none`;
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };

  const NARROW = 520; // pixels; below it, what stands beside a plot moves beneath it

  const dressed = (layout, plot) => {
    const width = plot.clientWidth;
    const size = Number(getComputedStyle(plot).getPropertyValue("--plot-size")) || 14;
    const [ink, rule, strong, raised] = ["--ink", "--rule", "--rule-strong", "--paper-raised"].map(colour);
    const face = getComputedStyle(document.documentElement).getPropertyValue("--face-ui");
    const dress = {
      ...layout,
      autosize: true,
      width: undefined,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      // plotly leaves 80 to 100 pixels on each side, titled or not
      margin: { l: 10, r: 10, b: 30, t: layout.title?.text ? 60 : 20, ...layout.margin },
      font: { ...layout.font, size: width < NARROW ? 11 : size, family: face, color: ink },
      legend: { ...(width < NARROW ? { orientation: "h", y: -0.15 } : {}), ...layout.legend },
      hoverlabel: { ...layout.hoverlabel, bgcolor: raised, bordercolor: strong, font: { family: face, color: ink } },
    };
    const axes = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]);
    for (const axis of axes) {
      dress[axis] = { ...layout[axis], gridcolor: rule, zerolinecolor: rule, linecolor: strong, tickcolor: strong, automargin: true };
    }
    return dress;
  };

  // plotly writes dark grey or white into a heatmap's cells, too weak on what lies between.
  // The cells are one picture: of what colour is it in the middle of a label?
  const inkCells = async (plot) => {
    const image = plot.querySelector(".hm image");
    if (!image) return;
    const picture = make("img", { src: image.getAttribute("href") });
    await picture.decode();
    const { width, height } = picture;
    const canvas = make("canvas", { width, height }).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const from = image.getBoundingClientRect();
    if (!from.width) return; // on a slide that isn't shown yet
    for (const label of plot.querySelectorAll(".heatmap-label text")) {
      const at = label.getBoundingClientRect();
      const x = ((at.left + at.right) / 2 - from.left) / from.width;
      const y = ((at.top + at.bottom) / 2 - from.top) / from.height;
      const [r, g, b] = canvas.getImageData(x * width, y * height, 1, 1).data;
      const light = 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2;
      label.style.fill = light > 0.18 ? "#000" : "#fff";
    }
  };

  const draw = async (plot) => {
    const { data, layout = {} } = await figureOf(plot);
    await load(new URL("plotly.min.js", here).href);
    plot.querySelector(".plot-alt")?.remove();
    // Plotly writes into what it is given; a copy keeps ours for the next theme
    const react = () => {
      const width = plot.clientWidth;
      const traces = structuredClone(data);
      for (const trace of traces.filter(({ type }) => type === "heatmap" && width < NARROW)) {
        trace.colorbar = { ...trace.colorbar, orientation: "h", thickness: 10, y: -0.25 };
      }
      return Plotly.react(plot, traces, dressed(structuredClone(layout), plot), { responsive: true, displayModeBar: false });
    };
    await react();
    await inkCells(plot);
    plot.on("plotly_afterplot", () => inkCells(plot));
    plot.addEventListener("recolour", react);
  };

  const FOLDED = "The figures of this plot as a table";
  const fillTable = async (plot, box, summary) => {
    if (!box.open || summary.nextSibling) return;
    const name = (plot.closest("figure")?.querySelector("figcaption") ?? { textContent: plot.ariaLabel }).textContent.trim();
    const scroll = make("div", { className: "table-scroll", role: "group", tabIndex: 0, ariaLabel: `The figures as a table: ${name}` });
    box.append(scroll);
    try {
      const figure = await figureOf(plot);
      await load(new URL("plot_table.js", here).href);
      summary.textContent = FOLDED;
      scroll.append(...window.bookPlotTables(figure, name));
    } catch {
      scroll.remove();
      summary.textContent = "The figures can’t be read; unfold this to try again";
      box.open = false;
    }
  };

  const addTable = (plot) => {
    const summary = make("summary", { textContent: FOLDED });
    const box = make("details", { className: "plot-figures" }, summary);
    box.addEventListener("toggle", () => fillTable(plot, box, summary));
    (plot.closest("figure") ?? plot).after(box);
  };

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      near.unobserve(entry.target);
      draw(entry.target).catch(() => entry.target.classList.add("plot-failed"));
    }
  }, { rootMargin: `${document.documentElement.dataset.draw === "all" ? 1e6 : 600}px 0px` });
  const plots = document.querySelectorAll(".plot");
  plots.forEach((plot) => {
    near.observe(plot);
    if (!plot.closest(".reveal")) addTable(plot); // a slide has no room
  });

  const recolour = () => plots.forEach((plot) => plot.dispatchEvent(new Event("recolour")));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})();
