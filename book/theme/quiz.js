// Quizzes of one question. A `.quiz` holds the question, a list of answers, and folded
// below them a list that explains each. This makes it a form, and counts beside the
// chapters which were answered right. The browser keeps that, and nobody else.
// Without JavaScript the lists stay as they are.

(() => {
  const KEY = "ovs-quizzes";
  const root = new URL("..", document.currentScript.src).href;
  let solved = new Set();
  let keeps = true;

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Where the browser refuses storage, the answers count until the page is left
  const load = () => {
    try {
      solved = new Set((localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean));
    } catch {
      keeps = false;
    }
  };

  const keep = () => {
    try {
      localStorage.setItem(KEY, [...solved].join(" "));
    } catch {
      keeps = false;
    }
    count();
  };

  // Another page may have kept an answer meanwhile
  const solve = (id) => {
    load();
    solved.add(id);
    keep();
  };

  const forget = () => {
    solved.clear();
    keep();
  };

  const startQuiz = (quiz) => {
    const answers = quiz.querySelector(":scope > ol");
    const question = answers.previousElementSibling;
    const explained = [...quiz.querySelectorAll(":scope > details > ol > li")];
    const isRight = explained.map((item) => item.querySelector("strong").textContent === "Right:");
    const said = make("div", { className: "quiz-said", role: "status" });
    const marks = [];
    const radios = [...answers.children].map((item) => {
      const radio = make("input", { type: "radio", name: quiz.id });
      const mark = make("span", { className: "quiz-mark" });
      item.append(make("label", {}, radio, make("span", {}, ...item.childNodes, " ", mark)));
      marks.push(mark);
      radio.addEventListener("change", () => said.replaceChildren());
      return radio;
    });

    const show = (chosen) => {
      answers.children[chosen].dataset.found = isRight[chosen] ? "right" : "wrong";
      marks[chosen].textContent = isRight[chosen] ? "right" : "not yet";
      said.replaceChildren(...explained[chosen].cloneNode(true).childNodes);
    };

    // Arrow keys move through the answers, so none is judged before it is handed in
    const check = (event) => {
      event.preventDefault();
      const chosen = radios.findIndex((radio) => radio.checked);
      if (chosen < 0) {
        said.textContent = "Choose an answer first.";
        return;
      }
      show(chosen);
      if (isRight[chosen]) solve(quiz.id);
    };

    const form = make("form", { autocomplete: "off" });
    question.before(form);
    form.append(
      make("fieldset", {}, make("legend", {}, ...question.childNodes), answers),
      make("button", { textContent: "Check" }),
      said,
    );
    question.remove();
    form.addEventListener("submit", check);
    if (solved.has(quiz.id)) {
      const right = isRight.indexOf(true);
      radios[right].checked = true;
      show(right);
    }
  };

  const solvedOf = (ids) => ids.filter((id) => solved.has(id)).length;
  const counted = (ids) => `${solvedOf(ids)} of ${ids.length} questions`;
  const counters = [];
  const count = () => counters.forEach((update) => update());

  // In the list of chapters on the first page, and in the sidebars of both renderings
  const startCounts = () => {
    const places = document.querySelectorAll("#sec-chapters li a, .chapters > li > a, a.sidebar-link");
    for (const link of places) {
      const page = link.href.split("#")[0].replace(root, "");
      const ids = window.bookQuizzes[page];
      if (!ids) continue;
      const note = make("small", { className: "quiz-count" });
      const inSidebar = !link.closest("#sec-chapters");
      if (inSidebar) (link.lastElementChild ?? link).append(" ", note);
      else link.closest("li").append(" ", note);
      counters.push(() => {
        note.textContent = counted(ids);
        note.hidden = inSidebar && !solvedOf(ids);
      });
    }
  };

  const startTotal = () => {
    const all = Object.values(window.bookQuizzes).flat();
    const place = document.getElementById("sec-chapters");
    if (!place || !all.length) return;
    const said = make("span", { role: "status" });
    const button = make("button", { type: "button", textContent: "Forget my answers" });
    button.addEventListener("click", forget);
    place.append(make("p", { className: "quiz-total" }, said, " ", button));
    counters.push(() => {
      const where = keeps ? "Only this browser knows." : "This browser doesn't keep answers.";
      said.textContent = `${counted(all)} answered right. ${where}`;
      button.hidden = !keeps;
    });
  };

  load();
  document.querySelectorAll(".quiz").forEach(startQuiz);
  startCounts();
  startTotal();
  count();
  // An answer in another tab, or before coming back to this page
  const reload = () => {
    load();
    count();
  };
  addEventListener("storage", reload);
  addEventListener("pageshow", reload);
})();
