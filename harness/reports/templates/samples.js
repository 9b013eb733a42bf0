// Samples: filter, search, step through them by key, link to one. A long list starts short.
{
  const FIRST = 8;
  const LONG = 50; // of a longer list only what is on the screen is laid out
  const KEYS = document.getElementById("keys");
  const single = KEYS?.querySelector("input");

  // Texts that may be cut can be scrolled by key.
  const reachable = (card) => {
    if (card.reachable) return;
    card.reachable = true;
    for (const text of card.querySelectorAll(".prompt, pre")) {
      const said = text.textContent;
      if (said.length > 300 || said.split("\n").length > 7) text.tabIndex = 0;
    }
  };

  class List {
    constructor(root) {
      this.root = root;
      this.list = root.querySelector(".flip-list");
      this.cards = [...root.querySelectorAll(".flip")];
      this.kinds = [...root.querySelectorAll("[data-show]")];
      this.facets = [...root.querySelectorAll("[data-facet]")];
      this.differences = [...root.querySelectorAll("[data-diff]")];
      this.search = root.querySelector("input");
      this.status = root.querySelector(".shown");
      this.all = root.querySelector(".show-all");
      this.limit = FIRST;
      this.kinds.forEach((button) => button.addEventListener("click", () => this.pick(button)));
      this.facets.forEach((facet) => facet.addEventListener("change", () => this.update()));
      this.differences.forEach((button) => button.addEventListener("click", () => this.compare(button)));
      this.search.addEventListener("input", () => this.update());
      this.search.addEventListener("keydown", (event) => this.searching(event));
      this.all.addEventListener("click", () => { this.limit = Infinity; this.update(); });
      this.update();
    }

    // The words of a card; read when somebody searches, since that takes a while.
    words(i) {
      this.texts ??= this.cards.map((card) => card.textContent.toLowerCase());
      return this.texts[i];
    }

    update() {
      const kind = this.kinds.find((b) => b.getAttribute("aria-pressed") === "true")?.dataset.show ?? "all";
      const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = this.facets.filter((f) => f.value !== "").map((f) => [f.dataset.facet, f.value]);
      const fits = (card, i) => (kind === "all" || card.dataset.kind === kind)
        && wanted.every(([name, value]) => card.dataset[name] === value)
        && words.every((word) => this.words(i).includes(word));
      this.found = this.cards.filter(fits);
      const shown = new Set(this.found.slice(0, this.limit));
      for (const card of this.cards) {
        if (card.hidden === shown.has(card)) card.hidden = !shown.has(card);
      }
      this.list.classList.toggle("long", shown.size > LONG);
      shown.forEach(reachable);
      const all = this.found.length === this.cards.length;
      const number = (n) => n.toLocaleString("en");
      this.status.textContent = `${all ? "" : `${number(this.found.length)} found, `}${number(shown.size)} of ${number(this.cards.length)} shown`;
      this.all.hidden = this.found.length <= this.limit;
      this.all.textContent = `Show all ${number(this.found.length)}`;
    }

    pick(button) {
      for (const other of this.kinds) other.setAttribute("aria-pressed", String(other === button));
      this.update();
    }

    compare(button) {
      for (const other of this.differences) other.setAttribute("aria-pressed", String(other === button));
      this.root.dataset.differences = button.dataset.diff;
    }

    next(buttons) {
      const now = buttons.findIndex((b) => b.getAttribute("aria-pressed") === "true");
      return buttons[(now + 1) % buttons.length];
    }

    searching(event) {
      if (event.key === "Enter") this.mark(this.found[0]);
      if (event.key !== "Escape") return;
      if (this.search.value) { this.search.value = ""; this.update(); } else this.mark(this.found[0]);
      event.preventDefault();
    }

    // Bring a card to the reader, whatever hid it.
    mark(card, place = "nearest") {
      if (!card) return;
      this.root.open = true;
      if (!this.found.includes(card)) {
        this.search.value = "";
        for (const facet of this.facets) facet.value = "";
        if (this.kinds.length) this.pick(this.kinds[0]); else this.update();
      }
      const needed = this.found.indexOf(card) + 1;
      if (needed > this.limit) { this.limit = needed; this.update(); }
      for (const other of this.cards) if (other.tabIndex === 0) other.tabIndex = -1;
      card.tabIndex = 0;
      card.focus({ preventScroll: true });
      const scroll = () => {
        if (document.activeElement !== card) return;
        card.scrollIntoView({ block: card.offsetHeight > innerHeight ? "start" : place, behavior: "instant" });
      };
      scroll();
      // Once more, when the cards above have their heights and the browser has followed the link.
      requestAnimationFrame(() => requestAnimationFrame(scroll));
      if (document.readyState !== "complete") addEventListener("load", () => setTimeout(scroll), { once: true });
    }
  }

  const lists = [...document.querySelectorAll(".flips")].map((root) => new List(root));
  const changed = lists.filter((list) => !list.root.classList.contains("copies"));
  const marked = () => document.activeElement?.closest(".flip");
  const bounds = (element) => element.getBoundingClientRect();

  // The list that keys speak of: that of the focus, else the first one on the screen or below.
  const current = () => {
    const focus = document.activeElement;
    return changed.find((list) => list.root.contains(focus))
      ?? changed.find((list) => list.root.open && bounds(list.root).bottom > 80) ?? changed[0];
  };

  const step = (by) => {
    const list = current();
    const at = list.found.indexOf(marked());
    if (at >= 0) {
      const beyond = changed[changed.indexOf(list) + by];
      const card = list.found[at + by] ?? (by > 0 ? beyond?.found[0] : beyond?.found[beyond.found.length - 1]);
      (list.found[at + by] ? list : beyond)?.mark(card);
    } else {
      list.mark(list.found.find((card) => !card.hidden && bounds(card).top >= 0) ?? list.found[0]);
    }
  };

  const tell = (list, text) => { list.status.textContent = text; };

  const copy = async (link) => {
    const list = lists.find((one) => one.root.contains(link));
    try {
      await navigator.clipboard.writeText(link.href);
      tell(list, "Link copied");
    } catch {
      tell(list, "Link in the address bar");
    }
  };

  const toggleKeys = () => (KEYS.open ? KEYS.close() : KEYS.showModal());

  const ACTIONS = {
    j: () => step(1),
    k: () => step(-1),
    f: (list) => {
      if (!list.kinds.length) return;
      list.pick(list.next(list.kinds));
      list.mark(list.found[0]);
    },
    d: (list) => { if (list.differences.length) list.compare(list.next(list.differences)); },
    "/": (list) => {
      list.root.open = true;
      list.search.focus();
      list.search.select();
    },
    l: () => marked()?.querySelector(".self").click(),
  };

  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea, dialog");
    if (typing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (arrow && event.target.matches(".flip")) step(arrow);
    else if (event.key === "?" && KEYS) toggleKeys();
    else if (Object.hasOwn(ACTIONS, event.key) && single?.checked && changed.length) ACTIONS[event.key](current());
    else return;
    event.preventDefault();
  });

  // A link to a sample opens what it stands in; one that this page does not hold is said.
  const follow = () => {
    const name = location.hash.slice(1);
    const card = name ? document.getElementById(name) : null;
    if (card?.matches(".flip")) {
      lists.find((list) => list.root.contains(card)).mark(card, "center");
      return;
    }
    const root = document.querySelector(`#${/^(eval-\d+)-(sample|miss)-/.exec(name)?.[1] ?? "none"} .flips`);
    const list = lists.find((one) => one.root === root);
    if (list) {
      root.open = true;
      root.scrollIntoView({ behavior: "instant" });
      tell(list, "The linked sample is not on this page: open the run folder with harness view");
    }
  };

  for (const link of document.querySelectorAll(".flip .self")) link.addEventListener("click", () => copy(link));
  for (const button of document.querySelectorAll(".keys-button")) {
    button.hidden = false;
    button.addEventListener("click", toggleKeys);
  }
  KEYS?.querySelector("button").addEventListener("click", toggleKeys);
  addEventListener("hashchange", follow);
  if (lists.length) follow();
}
