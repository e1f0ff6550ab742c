"use strict";
(() => {
  const words = document.body.dataset;
  const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, i) => values[i]);
  const number = (text) => {
    const found = parseFloat(text.replace(/^[<>]/, ""));
    return Number.isNaN(found) ? null : found;
  };

  const compare = (index, numeric, sign) => (a, b) => {
    const x = a.cells[index].textContent, y = b.cells[index].textContent;
    if (numeric) {
      const p = number(x), q = number(y);
      // Blank cells stay last, whichever way the column is sorted.
      if (p === null || q === null) return (p === null) - (q === null);
      return sign * (p - q);
    }
    return sign * x.localeCompare(y, undefined, { numeric: true });
  };

  for (const box of document.querySelectorAll("[data-table]")) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];

    heads.forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.title = fill(words.sort, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" };
        const state = next[head.getAttribute("aria-sort") || "none"];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (state !== "none") head.setAttribute("aria-sort", state);
        const numeric = head.classList.contains("n");
        const sorted = state === "none" ? rows : [...rows].sort(compare(index, numeric, state === "ascending" ? 1 : -1));
        body.append(...sorted);
      });
    });

    if (rows.length < 8) continue;
    const tools = document.createElement("div");
    tools.className = "tools";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = words.filter;
    input.setAttribute("aria-label", `${words.filter}: ${table.caption.textContent}`);
    const shown = document.createElement("output");
    tools.append(input, shown);
    box.prepend(tools);
    // Names are searched, not figures: "50" asks for an attack of that setting, not for a rate.
    const named = (cell) => !cell.classList.contains("n");
    const texts = rows.map((row) => [...row.cells].filter(named).map((cell) => cell.textContent).join(" ").toLowerCase());
    input.addEventListener("input", () => {
      const asked = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, i) => {
        row.hidden = !asked.every((word) => texts[i].includes(word));
        count += !row.hidden;
      });
      shown.textContent = asked.length ? fill(words.shown, count, rows.length) : "";
    });
  }

  // What is folded would be missing on paper.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
})();
