// The summary as a tree of rows, sorted within each block; or the layers alone, all in one order.

const HEADS = [
  { name: "path", title: "path", side: "left", key: (index) => index },
  { name: "kind", title: "op", side: "left", key: (index) => items[index].kind.toLowerCase() },
  { name: "output", title: "output", side: "left", key: (index) => items[index].output },
  ...["params", "macs", "memory", "field"].map((name) => ({ name, title: MEASURES[name].title, measure: name, about: MEASURES[name].about, key: (index) => amount(items[index], name) })),
];
const FEW = 40; // rows: at first blocks are open as deep as no more are shown

const table = { open: new Set(), sort: null, falling: true, flat: false, rows: new Map() };

function startTable() {
  const panel = byId("table");
  openFirst();
  const flat = make("input", { type: "checkbox", id: "flat", onchange: () => { table.flat = flat.checked; fillTable(); } });
  const all = (open) => () => {
    items.forEach((item, index) => item.block && (open ? table.open.add(index) : table.open.delete(index)));
    fillTable();
  };
  panel.append(make("div", { class: "controls" },
    make("button", { type: "button", id: "expand", onclick: all(true) }, "Expand all"),
    make("button", { type: "button", id: "collapse", onclick: all(false) }, "Collapse all"),
    make("label", {}, flat, "layers only")));
  table.head = make("tr", {}, HEADS.map((head) => make("th", { scope: "col", class: head.side, title: head.about, "data-name": head.name },
    make("button", { type: "button", onclick: () => sortBy(head) }, head.title))));
  table.body = make("tbody", { onclick: rowClicked, onkeydown: rowKeyed });
  panel.append(make("div", { class: "scroll" }, make("table", { role: "treegrid", "aria-label": "Summary" }, make("thead", {}, table.head), table.body)));
  fillTable();
  onPick(markRow);
}

function openFirst() {
  for (let level = 0; ; level++) {
    const blocks = items.map((_, index) => index).filter((index) => items[index].block && items[index].level === level);
    const rows = items.filter((item) => item.level >= 0 && item.level <= level + 1).length;
    if (!blocks.length || rows > FEW) return;
    for (const index of blocks) table.open.add(index);
  }
}

function sortBy(head) {
  if (table.sort !== head) [table.sort, table.falling] = [head, Boolean(head.measure)];
  else if (table.falling === Boolean(head.measure)) table.falling = !table.falling;
  else table.sort = null;
  for (const cell of table.head.children) {
    const order = table.sort?.name === cell.dataset.name ? (table.falling ? "descending" : "ascending") : null;
    if (order) cell.setAttribute("aria-sort", order);
    else cell.removeAttribute("aria-sort");
  }
  fillTable();
}

function ordered(indices) {
  if (!table.sort) return indices;
  const key = table.sort.key;
  const way = table.falling ? -1 : 1;
  return [...indices].sort((a, b) => { const [x, y] = [key(a), key(b)]; return way * (x < y ? -1 : x > y ? 1 : 0) || a - b; });
}

function visible() {
  if (table.flat) return ordered(items.map((_, index) => index).filter((index) => !items[index].block));
  const found = [];
  const add = (indices) => {
    for (const index of ordered(indices)) {
      found.push(index);
      if (table.open.has(index)) add(children[index]);
    }
  };
  add(children[0]);
  return found;
}

function fillTable() {
  const active = table.body.contains(document.activeElement) ? Number(document.activeElement.closest("tr")?.dataset.item) : null;
  table.rows.clear();
  table.body.replaceChildren(...visible().map((index) => {
    const row = rowOf(index);
    table.rows.set(index, row);
    return row;
  }));
  const first = table.rows.get(picked) ?? table.body.firstElementChild;
  if (first) first.tabIndex = 0;
  markRow(picked, "table");
  table.rows.get(active)?.focus();
}

function rowOf(index) {
  const item = items[index];
  const isOpen = table.open.has(index);
  const level = table.flat ? 0 : item.level;
  const cells = HEADS.map((head) => {
    if (head.name === "path") return pathCell(index, level, isOpen);
    if (head.side) return make("td", { class: "left" }, item[head.name]);
    const value = make("td", {}, text(item, head.measure));
    const hue = MEASURES[head.measure].hue;
    const part = amount(item, head.measure) / (amount(items[0], head.measure) || 1);
    if (hue && part > 0) {
      value.className = "share";
      value.style.setProperty("--share", Math.min(part, 1).toFixed(4));
      value.style.setProperty("--hue", `var(${hue})`);
    }
    return value;
  });
  return make("tr", {
    "data-item": index, tabindex: -1, "aria-level": level + 1, class: [item.block && "sum", item.mode].filter(Boolean).join(" "),
    "aria-expanded": item.block && !table.flat ? String(isOpen) : null,
  }, cells);
}

function pathCell(index, level, isOpen) {
  const item = items[index];
  const twisty = table.flat ? "" : make("span", { class: "twisty", "aria-hidden": "true" }, item.block ? (isOpen ? "▾" : "▸") : "");
  const found = make("td", { class: "left path", title: item.path }, twisty, table.flat ? item.path : ownName(index));
  found.style.paddingLeft = `${8 + 14 * level}px`;
  return found;
}

function expand(index, open) {
  if (open) table.open.add(index);
  else table.open.delete(index);
  fillTable();
}

function rowClicked(event) {
  const row = event.target.closest("tr");
  const index = Number(row.dataset.item);
  if (event.target.closest(".twisty") && items[index].block) expand(index, !table.open.has(index));
  else pick(index, "table");
  table.rows.get(index)?.focus({ preventScroll: true });
}

function rowKeyed(event) {
  const row = event.target.closest("tr");
  const index = Number(row.dataset.item);
  const item = items[index];
  const to = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: table.body.firstElementChild, End: table.body.lastElementChild }[event.key];
  if (to) {
    to.focus();
    pick(Number(to.dataset.item), "table");
  } else if (event.key === "Enter" || event.key === " ") pick(index, "table");
  else if (event.key === "ArrowRight" && item.block && !table.open.has(index)) expand(index, true);
  else if (event.key === "ArrowLeft" && item.block && table.open.has(index)) expand(index, false);
  else if (event.key === "ArrowLeft" && parents[index] && table.rows.has(parents[index])) {
    table.rows.get(parents[index]).focus();
    pick(parents[index], "table");
  } else return;
  event.preventDefault();
}

/** Shows which row is picked; opens what is around it where it was picked elsewhere. */
function markRow(index, by) {
  if (index && by !== "table" && !table.flat && !table.rows.has(index)) {
    for (const around of ancestors(index)) table.open.add(around);
    fillTable();
  }
  for (const [each, row] of table.rows) {
    row.setAttribute("aria-selected", each === index ? "true" : "false");
    row.tabIndex = -1;
  }
  const row = table.rows.get(index);
  (row ?? table.body.firstElementChild)?.setAttribute("tabindex", 0);
  if (row && by !== "table") center(row, row.closest(".scroll"));
}

/** Scrolls within a box alone: the page stays. */
function center(element, box) {
  const [at, around] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
  if (at.top < around.top + 30 || at.bottom > around.bottom) box.scrollTop += at.top - around.top - around.height / 2;
}
