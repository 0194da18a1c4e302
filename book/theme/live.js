// Loads the live widgets when the reader comes near one. Until then, and where they
// can't run, the stored answers stand in the page.
(() => {
  const folder = new URL(".", document.currentScript.src);
  const places = document.querySelectorAll(".ovs-widget");
  let tries = "";
  const bring = () => {
    near.disconnect();
    const script = document.createElement("script");
    // Another address for another try, or the browser gives again what it kept
    script.src = folder + "widgets.js" + tries;
    // What is no script loads all the same, and leaves nothing behind
    script.onload = () => window.bookState || script.onerror();
    script.onerror = () => {
      tries += "?";
      for (const place of places) {
        place.insertAdjacentHTML(
          "beforeend",
          `<p role="status">widgets.js can't be read. <button>Load it again</button></p>`,
        );
        place.lastChild.lastChild.onclick = () => {
          place.tabIndex = -1; // the pressed button goes, its reader stays here
          place.focus({ preventScroll: true });
          places.forEach((one) => one.lastChild.remove());
          bring();
        };
      }
    };
    document.head.append(script);
  };
  const near = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && bring(),
    { rootMargin: "1200px" },
  );
  places.forEach((place) => near.observe(place));
})();
