// Search, tabs, sizes to try; and the start of it all.

const MOST_FOUND = 40;

function startSearch() {
  const input = byId("search");
  const list = byId("found");
  let found = [];
  let at = 0;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    close();
    pick(index, "search");
  };
  const show = () => {
    [...list.querySelectorAll("[role=option]")].forEach((option, i) => {
      option.setAttribute("aria-selected", String(i === at));
      if (i === at) option.scrollIntoView({ block: "nearest" });
    });
    if (found.length) input.setAttribute("aria-activedescendant", `found-${at}`);
  };
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return close();
    found = matches(words);
    at = 0;
    list.replaceChildren(...found.slice(0, MOST_FOUND).map((index, i) => make("li", { role: "option", id: `found-${i}`, onpointerdown: (event) => event.preventDefault(), onclick: () => choose(index) },
      make("span", { class: "path" }, items[index].path), make("span", { class: "kind" }, items[index].kind))));
    if (found.length > MOST_FOUND) list.append(make("li", { class: "none", role: "presentation" }, `and ${found.length - MOST_FOUND} more`));
    if (!found.length) list.append(make("li", { class: "none", role: "presentation" }, "nothing of that name"));
    found = found.slice(0, MOST_FOUND);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    return show();
  };
  input.addEventListener("input", search);
  input.addEventListener("focus", search);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = found.length ? (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length : 0;
      show();
    } else if (event.key === "Enter" && !list.hidden && found.length) choose(found[at]);
    else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input:not([type=range], [type=checkbox])")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

/** Items that have all words in their path, op or arguments; those that end in a word first. */
function matches(words) {
  const found = [];
  items.forEach((item, index) => {
    if (!index) return;
    const path = item.path.toLowerCase();
    const all = `${path} ${item.kind.toLowerCase()} ${(item.arguments ?? []).map(([name, value]) => `${name}=${value}`).join(" ").toLowerCase()}`;
    if (!words.every((word) => all.includes(word))) return;
    const rank = words.some((word) => path === word) ? 0 : words.some((word) => path.endsWith(`.${word}`)) ? 1 : words.some((word) => path.includes(word)) ? 2 : 3;
    found.push([rank, index]);
  });
  return found.sort(([a, i], [b, j]) => a - b || i - j).map(([, index]) => index);
}

// Tabs

const tabs = [...document.querySelectorAll("[role=tab]")];

function showTab(name) {
  for (const tab of tabs) {
    const isShown = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !isShown;
  }
  if (name === "table") markRow(picked, "");
  if (name === "source") markLines(picked, "");
}

function startTabs() {
  for (const tab of tabs) {
    tab.addEventListener("click", () => showTab(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const to = roving(tabs, event);
      if (to) showTab(to.getAttribute("aria-controls"));
    });
  }
}

// Sizes

function startSizes() {
  for (const code of document.querySelectorAll("#sizes code")) {
    const index = items.findIndex((item) => item.path === code.textContent);
    if (index > 0) code.replaceWith(link(index));
  }
  const facts = data.facts.filter((fact) => fact.axes.length === 1 && (fact.members || fact.residues));
  if (!facts.length) return;
  const axes = [...new Set(facts.map((fact) => fact.axes[0]))];
  byId("try-sizes").append(make("h2", {}, "Try a size"), ...axes.map((axis) => {
    const said = make("span", { role: "status" });
    const input = make("input", { type: "number", min: 1, step: 1, "aria-label": `a size of axis ${axis}`, oninput: () => judge(facts.filter((fact) => fact.axes[0] === axis), input.valueAsNumber, said) });
    return make("div", { class: "try" }, make("label", {}, `${axis} = `, input), said);
  }));
}

function judge(facts, size, said) {
  said.className = "";
  said.textContent = "";
  if (!Number.isInteger(size) || size < 1) return;
  const broken = facts.filter((fact) => !allows(fact, size));
  said.className = broken.length ? "no" : "yes";
  const together = data.facts.some((fact) => fact.axes.length > 1 && fact.axes.includes(facts[0].axes[0]));
  if (!broken.length) said.textContent = together ? "✓ by itself; together with other axes as said above" : "✓ fits";
  else {
    const ok = (other) => other > 0 && facts.every((fact) => allows(fact, other));
    const near = [-1, 1].map((way) => [...Array(10000).keys()].map((i) => size + way * (i + 1)).find(ok)).filter(Boolean);
    said.textContent = `✗ ${broken[0].text}${near.length ? `; nearest ${near.join(", ")}` : ""}`;
  }
}

const allows = (fact, size) =>
  (fact.residues !== undefined && size >= fact.from && fact.residues.includes(size % fact.period)) ||
  (fact.members ?? []).some(([first, last]) => first <= size && size <= last);

// The start

startDiagram();
startPicked();
startTable();
startCharts();
startSource();
startSearch();
startTabs();
startSizes();

/** What the address names, if it names anything. */
function pickAddress() {
  const asked = decoded(location.hash.slice(1));
  const there = items.findIndex((item) => item.path === asked);
  if (there > 0) pick(there, "address");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not one of ours
  }
}

pickAddress();
window.addEventListener("hashchange", pickAddress);
document.documentElement.dataset.ready = "true";
