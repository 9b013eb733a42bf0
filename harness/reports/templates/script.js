"use strict";

// Chips: each opens the evidence of its state; without this script all evidence is open.
for (const card of document.querySelectorAll(".card")) {
  const chips = [...card.querySelectorAll(".chip")];
  const show = (chosen) => {
    for (const chip of chips) {
      const open = chip === chosen;
      chip.setAttribute("aria-expanded", String(open));
      document.getElementById(chip.getAttribute("aria-controls")).hidden = !open;
    }
  };
  for (const chip of chips) {
    chip.addEventListener("click", () => show(chip.getAttribute("aria-expanded") === "true" ? null : chip));
  }
  show(null);
}

// Scores: a click on a heading sorts the table by it, a second one turns the order around.
for (const table of document.querySelectorAll(".sortable")) {
  const headings = [...table.querySelectorAll("[data-sort]")];
  const body = table.tBodies[0];
  const columns = [...table.tHead.rows[0].cells];
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const place = columns.indexOf(heading);
      const value = (row) => row.cells[place].dataset.value;
      const order = heading.dataset.sort === "number" ? (a, b) => value(a) - value(b) : (a, b) => value(a).localeCompare(value(b));
      body.append(...[...body.rows].sort((a, b) => (rising ? order(a, b) : order(b, a))));
    });
  }
}

// Charts: the values under the pointer, at once.
const tip = document.getElementById("tip");
for (const target of document.querySelectorAll(".hit")) {
  const title = target.querySelector("title");
  const lines = title.textContent.split("\n");
  const show = (event) => {
    tip.replaceChildren(...lines.map((line, i) => {
      const row = document.createElement(i ? "span" : "b");
      row.textContent = line;
      return row;
    }));
    tip.hidden = false;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > 8 ? above : event.clientY + 18}px`;
  };
  title.remove();
  target.addEventListener("pointermove", show);
  target.addEventListener("pointerleave", () => { tip.hidden = true; });
}

// What scrolls sideways can be scrolled from the keyboard.
const scrollers = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const wide = target.scrollWidth > target.clientWidth;
    if (wide) { target.tabIndex = 0; target.setAttribute("role", "group"); } else target.removeAttribute("tabindex");
    target.ariaLabel = wide ? "Table that scrolls sideways" : null;
  }
});
for (const scroller of document.querySelectorAll(".scroll")) scrollers.observe(scroller);

// Paper: everything is open, and the evidence stands with its eval, so that verdicts come first.
const evidence = [...document.querySelectorAll(".evidence")].map((panel) => ({ panel, card: panel.closest(".card") }));
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
  for (const { panel, card } of evidence) document.querySelector(`[data-of="${card.id}"]`).append(panel);
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
  for (const { panel, card } of evidence) card.append(panel);
});
