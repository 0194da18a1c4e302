// Loads the live widgets when the reader comes near one. Until then, and where they
// can't run, the stored answers stand in the page.
(() => {
  const assets = new URL(".", document.currentScript.src).href;
  const places = document.querySelectorAll(".ovs-widget");
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const load = (tag, properties) =>
    new Promise((onload, onerror) => {
      document.head.append(make(tag, { ...properties, onload, onerror }));
    });

  // `failed` is put behind the addresses, or a browser may give again what it has kept
  const bring = async (failed = "") => {
    const style = load("link", { rel: "stylesheet", href: `${assets}widgets.css${failed}` });
    try {
      await Promise.all([style, window.bookState || load("script", { src: `${assets}widgets.js${failed}` })]);
      if (!window.bookState) throw new Error("damaged");
    } catch {
      offer();
    }
  };

  const offer = () => {
    const said = [...places].map((place) => {
      const words = make("p", { role: "status" }, "The live version of this did not come whole. What stands here was stored before. ");
      words.append(make("button", { type: "button", textContent: "Try again", onclick: again }));
      place.append(words);
      return words;
    });
    function again() {
      said.forEach((words) => words.remove());
      bring(`?${Date.now()}`);
    }
  };

  const near = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      near.disconnect();
      bring();
    },
    { rootMargin: "1200px" },
  );
  for (const place of places) near.observe(place);
})();
