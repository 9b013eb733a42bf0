// Reviews in place, and by the keys 1/2/3 or r/w/u. Without this file the forms work as they are.
"use strict";
(() => {
  const KEYS = { 1: "right", r: "right", 2: "wrong", w: "wrong", 3: "unsure", u: "unsure" };

  function told(form, text) {
    form.querySelector(".review-said").textContent = text;
  }

  async function send(form, button) {
    const data = new URLSearchParams(new FormData(form));
    data.set("opinion", button.value);
    told(form, "…");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: data,
        headers: { accept: "application/json" },
      });
      if (!answer.ok) throw new Error(answer.status === 409 ? "the answer was replaced; load the page again" : `the viewer says ${answer.status}`);
      const { opinion } = await answer.json();
      for (const one of form.querySelectorAll("[name=opinion]")) {
        one.setAttribute("aria-pressed", String(one.value === opinion));
      }
      told(form, `You said ${opinion}.`);
    } catch (error) {
      told(form, `Not saved: ${error.message}.`);
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A drawn answer is followed by the next one: that is a page of its own.
    if (!form.matches("form.review:not([data-review-drawn])") || !event.submitter) return;
    event.preventDefault();
    send(form, event.submitter);
  });

  // The form that the focus is in or beside, else the page's only one or the one it names.
  function current() {
    const near = document.activeElement?.closest("form.review, article");
    const own = near?.matches("form.review") ? near : near?.querySelector("form.review");
    const all = document.querySelectorAll("form.review");
    return own || (all.length === 1 ? all[0] : document.querySelector("[data-review-current]"));
  }

  // Captured, so that in a queue "u" is a verdict; on a sample's page it goes up to the list.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const form = current();
    const opinion = KEYS[event.key.toLowerCase()];
    const isUp = event.key === "u" && !form?.matches("[data-review-drawn]") && document.querySelector("[rel=up]");
    const button = !isUp && opinion && form?.querySelector(`[value="${opinion}"]`);
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    form.closest("details")?.setAttribute("open", "");
    button.click();
  }, true);
})();
