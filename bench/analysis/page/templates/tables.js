// Sorting and filtering, set up for a table when it is first opened: most are folded away.
const number = (text) => {
  const found = parseFloat(text.replace("\u2212", "-").replace(/^[<>]/, ""));
  return Number.isNaN(found) ? null : found;
};

const compare = (index, numeric, sign) => (a, b) => {
  const x = a.cells[index].textContent, y = b.cells[index].textContent;
  if (!numeric) return sign * x.localeCompare(y, language(), { numeric: true });
  const p = number(x), q = number(y);
  // Blank cells stay last, whichever way the column is sorted.
  return p === null || q === null ? (p === null) - (q === null) : sign * (p - q);
};

const makeSortable = (table) => {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" };
      const state = next[head.getAttribute("aria-sort") || "none"];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (state !== "none") head.setAttribute("aria-sort", state);
      const order = compare(index, head.classList.contains("n"), state === "ascending" ? 1 : -1);
      body.append(...(state === "none" ? rows : [...rows].sort(order)));
    });
  });
};

const makeFilterable = (box, table) => {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 8) return;
  const tools = document.createElement("div"), input = document.createElement("input");
  // An output element is a live region: what it says is announced.
  const shown = document.createElement("output");
  tools.className = "tools";
  input.type = "search";
  tools.append(input, shown);
  box.prepend(tools);
  // Names are searched, not figures: "50" asks for an attack of that setting, not for a rate.
  const named = (row) => [...row.cells].filter((cell) => !cell.classList.contains("n"));
  const filter = () => {
    const asked = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = asked.length ? named(row).map((cell) => cell.textContent).join(" ").toLowerCase() : "";
      row.hidden = !asked.every((part) => text.includes(part));
      count += !row.hidden;
    }
    shown.textContent = asked.length ? word("shown", count, rows.length) : "";
  };
  const tell = () => {
    input.placeholder = word("filter");
    input.setAttribute("aria-label", `${word("filter")}: ${table.caption.textContent}`);
    filter();
  };
  input.addEventListener("input", filter);
  onLanguage.push(tell);
  tell();
};

const setUp = (box) => {
  if (box.dataset.ready) return;
  box.dataset.ready = "yes";
  const table = box.querySelector("table");
  makeSortable(table);
  makeFilterable(box, table);
};

for (const box of document.querySelectorAll("[data-table]")) if (!box.closest("details")) setUp(box);
document.addEventListener("toggle", (event) => event.target.querySelectorAll("[data-table]").forEach(setUp), true);

// What is folded would be missing on paper; long tables would be most of it, and stand in the CSV.
const opened = [];
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details[data-print]:not([open])")) {
    fold.open = true;
    opened.push(fold);
  }
});
addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });
