"use strict";

// What changes while a run goes on: every [data-live] is replaced by what the page says now.
// Pages work without this script: they are loaded anew instead.
{
  const live = document.querySelector("[data-refresh]");
  const seconds = Number(live?.dataset.refresh);
  const refresh = async () => {
    if (document.hidden) return setTimeout(refresh, 1000 * seconds);
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const now = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const old of document.querySelectorAll("[data-live]")) {
          const fresh = now.getElementById(old.id);
          if (fresh && fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
        }
        if (!now.querySelector("[data-refresh]")) return document.querySelector("[data-ended]") ? location.reload() : undefined;
      }
    } catch { /* the viewer was stopped; it may come back */ }
    setTimeout(refresh, 1000 * seconds);
  };
  if (seconds) setTimeout(refresh, 1000 * seconds);
}

// On a phone filters are folded, so that what they filter is in sight.
{
  const narrow = matchMedia("(max-width: 640px)");
  const fold = () => {
    for (const details of document.querySelectorAll("[data-fold]")) details.open = !narrow.matches;
  };
  narrow.addEventListener("change", fold);
  fold();
}

// Forms that take so many ticks and no more.
for (const form of document.querySelectorAll("[data-pick]")) {
  const wanted = Number(form.dataset.pick);
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const button = form.querySelector("button");
  const update = () => {
    const picked = boxes.filter((box) => box.checked).length;
    button.disabled = picked !== wanted;
    for (const box of boxes) box.disabled = !box.checked && picked >= wanted;
  };
  form.addEventListener("change", update);
  update();
}

// A form that is told again elsewhere on its page: as soon as it changes, not when it is sent.
for (const form of document.querySelectorAll("[data-retells]")) {
  const told = document.getElementById(form.dataset.retells);
  form.addEventListener("change", async () => {
    const asked = String(new URLSearchParams(new FormData(form)));
    try {
      const answer = await fetch(`${form.getAttribute("action")}?${asked}`, { headers: { accept: "text/html" } });
      if (!answer.ok || asked !== String(new URLSearchParams(new FormData(form)))) return;
      const now = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = now.getElementById(told.id);
      if (fresh) told.replaceChildren(...fresh.childNodes);
    } catch { /* the viewer was stopped */ }
  });
}

// Samples by keys: j and k or the arrows go through a list or from sample to sample, Enter opens
// a row, u goes up to the list, / goes to the search.
document.documentElement.classList.add("scripted");
{
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  let at = rows.findIndex((row) => `#${row.id}` === location.hash);
  const go = (to) => {
    if (!rows[to]) return document.querySelector(to < 0 ? ".pages [rel=prev]" : ".pages [rel=next]")?.click();
    rows[at]?.classList.remove("at");
    at = to;
    rows[at].classList.add("at");
    rows[at].querySelector("a").focus({ preventScroll: true });
    rows[at].scrollIntoView({ block: "nearest" });
  };
  const follow = (rel) => document.querySelector(`.title-row [rel=${rel}]`)?.click();
  const keys = rows.length
    ? { j: () => go(at + 1), k: () => go(Math.max(at, 0) - 1), ArrowDown: () => go(at + 1), ArrowUp: () => go(Math.max(at, 0) - 1) }
    : { j: () => follow("next"), k: () => follow("prev"), ArrowRight: () => follow("next"), ArrowLeft: () => follow("prev"), u: () => follow("up") };
  keys["/"] = () => {
    const search = document.querySelector("input[type=search]");
    search?.closest("details")?.setAttribute("open", "");
    search?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.target.scrollHeight > event.target.clientHeight && event.target.tabIndex === 0 && event.key.startsWith("Arrow")) return;
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}
