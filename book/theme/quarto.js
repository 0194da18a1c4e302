// Quarto's pages say dark or light by a class of the body; ours, our plots and our
// widgets by html[data-theme]. This tells the one to the other.

(() => {
  const tell = () => {
    document.documentElement.dataset.theme = document.body.classList.contains("quarto-dark") ? "dark" : "light";
  };
  new MutationObserver(tell).observe(document.body, { attributeFilter: ["class"] });
  tell();
})();
