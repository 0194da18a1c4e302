// What the pages do by themselves: theme, tabs, search, copying code, where one is.
// A classic script, so that it also runs when the book is opened by a double click.
// It stands in the head and sets the theme before the first paint.

(() => {
  const THEMES = ["automatic", "light", "dark"];
  const byId = (id) => document.getElementById(id);

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Where the browser forbids storage the choice holds for this page only
  const stored = (write) => {
    try {
      if (write) localStorage.setItem("theme", write);
      return localStorage.getItem("theme");
    } catch {
      return write;
    }
  };

  const setTheme = (theme) => {
    const known = THEMES.includes(theme) ? theme : "automatic";
    if (known === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = known;
    document.documentElement.dataset.chosen = known;
    const name = byId("theme-name");
    if (name) name.textContent = `Theme: ${known}`;
  };

  const startTheme = () => {
    setTheme(stored());
    byId("theme").addEventListener("click", () => {
      const now = THEMES.indexOf(document.documentElement.dataset.chosen);
      const next = THEMES[(now + 1) % THEMES.length];
      stored(next);
      setTheme(next);
    });
  };

  const startTabs = () => {
    document.querySelectorAll(".tabs").forEach((box, number) => {
      const panels = [...box.querySelectorAll(":scope > .tab")];
      const list = make("div", { className: "tab-list", role: "tablist" });
      const choose = (chosen, focus) => {
        tabs.forEach((tab, i) => {
          tab.setAttribute("aria-selected", i === chosen);
          tab.tabIndex = i === chosen ? 0 : -1;
          panels[i].hidden = i !== chosen;
        });
        if (focus) tabs[chosen].focus();
      };
      const tabs = panels.map((panel, i) => {
        const title = panel.querySelector(":scope > .tab-title");
        const id = `tab-${number + 1}-${i + 1}`;
        const tab = make("button", { id, type: "button", role: "tab" }, ...title.childNodes);
        title.remove();
        panel.id ||= `${id}-panel`;
        panel.role = "tabpanel";
        panel.tabIndex = 0;
        panel.setAttribute("aria-labelledby", id);
        tab.setAttribute("aria-controls", panel.id);
        tab.addEventListener("click", () => choose(i));
        return tab;
      });
      list.addEventListener("keydown", (event) => {
        const now = tabs.indexOf(document.activeElement);
        const last = tabs.length - 1;
        const go = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now ? now - 1 : last, Home: 0, End: last };
        if (!(event.key in go)) return;
        event.preventDefault();
        choose(go[event.key], true);
      });
      list.append(...tabs);
      box.prepend(list);
      choose(0);
    });
  };

  const startCopying = () => {
    if (!navigator.clipboard) return;
    document.querySelectorAll("div.sourceCode").forEach((box) => {
      const button = make("button", { className: "copy", type: "button", textContent: "Copy" });
      button.ariaLive = "polite";
      button.addEventListener("click", async () => {
        const code = box.querySelector("code").textContent;
        button.textContent = await navigator.clipboard.writeText(code).then(() => "Copied", () => "The browser forbids it");
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      box.append(button);
    });
  };

  // What scrolls sideways is reached by Tab, and only that
  const startScrolling = () => {
    const watch = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
        else target.removeAttribute("tabindex");
      }
    });
    document.querySelectorAll("pre, .table-scroll, .equation, math[display=block]").forEach((box) => watch.observe(box));
  };

  const startAnchors = () => {
    document.querySelectorAll("main section[id] > :is(h2, h3, h4)").forEach((heading) => {
      const link = make("a", { className: "anchor", href: `#${heading.parentElement.id}`, textContent: "#" });
      link.setAttribute("aria-label", `Link to “${heading.textContent.trim()}”`);
      heading.append(link);
    });
  };

  // The section being read is the last one whose start has passed the top of the window
  const startWhere = () => {
    const links = [...document.querySelectorAll(".toc a")];
    const sections = links.map((link) => byId(decodeURIComponent(link.hash.slice(1))));
    if (!links.length) return;
    const mark = () => {
      const passed = sections.filter((s) => s && s.getBoundingClientRect().top < 120).length - 1;
      links.forEach((link, i) => {
        if (i === passed) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    };
    new IntersectionObserver(mark, { rootMargin: "-110px 0px 0px 0px", threshold: [0, 1] }).observe(document.body);
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    }, { passive: true });
    mark();
  };

  // Every word must begin a word of the section; headings count more than text
  const LONGEST = 200; // characters that are read of a search: more would hold the page up
  const SHOWN = 12; // hits
  const findSections = (text) => {
    const words = new Set(text.slice(0, LONGEST).toLowerCase().match(/[\p{L}\p{N}]+/gu));
    if (!words.size) return [];
    const starts = [...words].map((word) => new RegExp(`(?<![\\p{L}\\p{N}])${word}`, "giu"));
    return window.searchIndex
      .map(([href, chapter, heading, body]) => {
        const score = starts.map((start) =>
          8 * (heading.match(start) ?? []).length + Math.min(5, (body.match(start) ?? []).length));
        return { href, chapter, heading, body, start: starts[0],
          score: Math.min(...score) && score.reduce((sum, one) => sum + one) };
      })
      .filter((hit) => hit.score)
      .sort((a, b) => b.score - a.score);
  };

  const hitItem = (hit, root) => {
    const at = Math.max(0, hit.body.search(hit.start));
    const from = at < 50 ? 0 : hit.body.indexOf(" ", at - 50) + 1;
    const until = hit.body.length > from + 160 ? hit.body.lastIndexOf(" ", from + 150) : undefined;
    const excerpt = (from ? "… " : "") + hit.body.slice(from, until) + (until ? " …" : "");
    const place = hit.heading === hit.chapter ? "" : hit.chapter;
    return make("li", {}, make("a", { href: root + hit.href },
      make("strong", { textContent: hit.heading }), " ", make("small", { textContent: place }),
      make("span", { textContent: excerpt })));
  };

  const startSearch = () => {
    const { root } = document.body.dataset;
    const [dialog, field, said, list] = ["search", "search-text", "search-said", "search-hits"].map(byId);
    let index;
    const loadIndex = () => {
      index ??= new Promise((done, failed) => {
        document.head.append(make("script", { src: `${root}assets/search_index.js`, onload: done, onerror: failed }));
      }).then(() => window.searchIndex.length).catch(() => (index = undefined));
      return index;
    };
    const show = async () => {
      if (!(await loadIndex())) {
        said.textContent = "The book's index did not come whole. Type again to try again.";
        return;
      }
      const hits = findSections(field.value);
      list.replaceChildren(...hits.slice(0, SHOWN).map((hit) => hitItem(hit, root)));
      if (!field.value.trim()) said.textContent = "";
      else if (!hits.length) said.textContent = "Nothing found. Try another or a shorter word.";
      else if (hits.length > SHOWN) said.textContent = `The first ${SHOWN} of ${hits.length} places`;
      else said.textContent = `${hits.length} place${hits.length > 1 ? "s" : ""}`;
      if (field.value.length > LONGEST) said.textContent += ` (Only the first ${LONGEST} characters were read.)`;
    };
    const open = () => {
      if (!dialog.open) dialog.showModal();
      field.select();
      loadIndex();
    };
    byId("search-open").addEventListener("click", open);
    field.addEventListener("input", show);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("a")) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      const stops = [field, ...list.querySelectorAll("a")];
      const now = stops.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === "Enter" && now === 0 && !event.isComposing) stops[1]?.click();
      if (!step || now < 0) return;
      event.preventDefault();
      stops[Math.min(stops.length - 1, Math.max(0, now + step))].focus();
    });
    // With a second key: who speaks to the machine would open it by a letter
    addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
  };

  // Paper is white, and can't unfold; tables of plots aren't printed
  const startPrinting = () => {
    let folded = [];
    let chosen;
    addEventListener("beforeprint", () => {
      chosen = document.documentElement.dataset.chosen;
      setTheme("light");
      folded = [...document.querySelectorAll("main details:not([open], .plot-figures, .ovs-points)")];
      folded.forEach((details) => { details.open = true; });
    });
    addEventListener("afterprint", () => {
      setTheme(chosen);
      folded.forEach((details) => { details.open = false; });
    });
  };

  setTheme(stored());
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".bar-tools").hidden = false;
    [startTheme, startTabs, startCopying, startScrolling, startAnchors, startWhere, startSearch, startPrinting].forEach((start) => start());
    // The open menu lies over the page: it goes when a link is chosen, or Tab leaves it
    const menu = document.querySelector(".sidebar");
    const close = () => { if (menu.matches(":popover-open")) menu.hidePopover(); };
    menu.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
    menu.addEventListener("focusout", ({ relatedTarget: next }) => {
      if (next && !menu.contains(next) && !next.matches("[popovertarget]")) close();
    });
  });
})();
