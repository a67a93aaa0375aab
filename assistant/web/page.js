// The side panel: opens an article at #/article/ID?s=START-END, with that range marked.
// Article text is only ever set as textContent.
(() => {
  const route = /^#\/article\/([^?]+)(?:\?s=(\d+)-(\d+))?$/;
  let panel, before;

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function build() {
    panel = element("aside", "", "article-panel");
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", "Article");
    panel.tabIndex = -1;
    document.body.append(panel);
  }

  function close() {
    if (!panel || !panel.classList.contains("open")) return;
    panel.classList.remove("open");
    if (before) before.focus();
    if (route.test(location.hash)) history.pushState(null, "", location.pathname + location.search);
  }

  function show(article, start, end) {
    const button = element("button", "Close", "close");
    button.addEventListener("click", close);
    const facts = [article.source, article.published || "date unknown", ...(article.authors || [])];
    const body = element("div", "", "text");
    // The server counts code points, JavaScript strings UTF-16 units: take them apart first.
    const characters = Array.from(article.text);
    const part = (from, to) => characters.slice(from, to).join("");
    body.append(part(0, start));
    const mark = element("mark", part(start, end));
    if (end > start) body.append(mark);
    body.append(part(Math.max(start, end)));
    panel.replaceChildren(button, element("h2", article.title),
      element("p", facts.filter(Boolean).join(", "), "facts"), body);
    if (article.url) {
      const link = element("a", article.url, "facts");
      if (/^https?:/.test(article.url)) link.href = article.url;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      panel.insertBefore(link, body);
    }
    if (end > start) mark.scrollIntoView({ block: "center" });
    else panel.scrollTop = 0;
  }

  async function follow() {
    const found = location.hash.match(route);
    if (!found) return close();
    if (!panel) build();
    if (!panel.contains(document.activeElement)) before = document.activeElement;
    const response = await fetch("/api/article?id=" + found[1]);
    const article = await response.json();
    panel.classList.add("open");
    if (response.ok) show(article, Number(found[2] || 0), Number(found[3] || 0));
    else show({ title: "This article cannot be shown", text: article.error }, 0, 0);
    panel.focus({ preventScroll: true });
  }

  // While an answer grows, its question stands at the top: it is read from there, not from its
  // end. Whoever scrolls is left alone.
  let asked = 0;
  let held = false;
  function hold() {
    const questions = document.querySelectorAll("#chat .asked");
    held = held || questions.length > asked;
    asked = questions.length;
    if (held && asked) questions[asked - 1].scrollIntoView({ block: "start" });
  }
  for (const act of ["wheel", "touchmove", "pointerdown"])
    window.addEventListener(act, () => { held = false; }, { passive: true });

  // What a click opens further down, maybe out of sight: the form for feedback, the chosen article,
  // and what is known of a question of the evaluation.
  let form, question, chosen;
  function reveal() {
    for (const said of document.querySelectorAll("#outcome, #told, #saved")) said.ariaLive = "polite";
    const title = document.querySelector("#details .title");
    const name = title && title.textContent;
    if (name && name !== chosen) document.querySelector("#details").scrollIntoView({ block: "nearest" });
    chosen = name;
    const input = document.querySelector("#feedback input");
    if (input && !form) input.focus();
    form = input;
    const shown = document.querySelector("#case .asked");
    const text = shown && shown.textContent;
    if (text && text !== question) document.querySelector("#case").scrollIntoView({ block: "nearest" });
    question = text;
  }
  new MutationObserver(() => { hold(); reveal(); }).observe(document, { childList: true, subtree: true });

  // The head of a column orders the whole list, on the server; Gradio would order the rows shown.
  const columns = ["title", "outlet", "date", "words"];
  document.addEventListener("click", (event) => {
    const head = event.target.closest && event.target.closest("#table [data-heading]");
    if (!head) return;
    event.preventDefault();
    event.stopPropagation();
    const button = document.querySelector("#by-" + columns[head.dataset.heading]);
    if (button) button.click();
  }, true);

  window.addEventListener("hashchange", follow);
  // Gradio may run this script before or after the page is parsed.
  if (document.readyState === "loading") window.addEventListener("DOMContentLoaded", follow);
  else follow();
  window.addEventListener("keydown", (event) => event.key === "Escape" && close());
  // Gradio gives links in messages target=_blank; ours stay in the page.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#/article/"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    before = link;
    if (location.hash === link.getAttribute("href")) follow();
    else location.hash = link.getAttribute("href");
  }, true);
})();
