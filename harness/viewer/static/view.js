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
