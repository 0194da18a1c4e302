// Loads the live widgets when the reader comes near one. Until then, and where they
// can't run, the stored answers stand in the page.
(() => {
  const assets = new URL(".", document.currentScript.src).href;
  const near = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      near.disconnect();
      const style = document.createElement("link");
      style.rel = "stylesheet";
      style.href = `${assets}widgets.css`;
      const script = document.createElement("script");
      script.src = `${assets}widgets.js`;
      document.head.append(style, script);
    },
    { rootMargin: "1200px" },
  );
  for (const place of document.querySelectorAll(".ovs-widget")) near.observe(place);
})();
