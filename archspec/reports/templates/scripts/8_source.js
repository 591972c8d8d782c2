// The spec's files; a line knows what was made of it.

const source = { shown: 0, lines: [] };
const made = data.files.map(() => new Map()); // by file and line: the items written there
items.forEach((item, index) => {
  if (!index || !item.places.length) return;
  const [file, line] = item.places[0];
  if (!made[file].has(line)) made[file].set(line, []);
  made[file].get(line).push(index);
});

function startSource() {
  const panel = byId("source");
  source.tabs = data.files.map((file, i) => make("button", { type: "button", "aria-pressed": "false", onclick: () => showFile(i) }, file.name));
  source.code = make("div", { class: "code", tabindex: 0, role: "region", "aria-label": "The spec" });
  panel.append(make("div", { class: "files" }, source.tabs), source.code);
  source.code.addEventListener("click", lineClicked);
  showFile(0);
  onPick(markLines);
}

function showFile(number) {
  source.shown = number;
  source.tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === number)));
  source.lines = data.files[number].lines.map((line, i) => {
    const here = made[number].get(i + 1) ?? [];
    const what = here.length === 1 ? nameOf(here[0]) : here.length ? `${here.length} layers and blocks, the first ${nameOf(here[0])}` : null;
    return make("li", { "data-line": i + 1, class: here.length ? "used" : null, title: what }, make("code", {}, coloured(line)));
  });
  source.code.replaceChildren(make("ol", {}, source.lines));
  markLines(picked, "source");
}

/** A line of YAML in colours: comments, keys, quoted texts. */
function coloured(line) {
  const parts = [];
  const pattern = /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|([\w.\-$]+)(?=\s*:(?:\s|$))/g;
  let at = 0;
  for (const match of line.matchAll(pattern)) {
    if (match[1] && match.index > 0 && !/\s/.test(line[match.index - 1])) continue;
    const kind = match[1] ? "comment" : match[2] ? "text" : "key";
    parts.push(line.slice(at, match.index), make("span", { class: kind }, match[0]));
    at = match.index + match[0].length;
  }
  return [...parts, line.slice(at) || (at ? "" : " ")];
}

/** Picks what was made of a line; again: the next. */
function lineClicked(event) {
  const row = event.target.closest("li.used");
  if (!row || String(getSelection())) return;
  const here = made[source.shown].get(Number(row.dataset.line));
  pick(here[(here.indexOf(picked) + 1) % here.length], "source");
}

function markLines(index, by) {
  for (const row of source.lines) row.classList.remove("picked", "around");
  if (index === null || index === undefined) return;
  const places = items[index].places;
  if (places.length && by !== "source" && places[0][0] !== source.shown) {
    showFile(places[0][0]);
    return;
  }
  places.forEach(([file, line], i) => file === source.shown && source.lines[line - 1]?.classList.add(i ? "around" : "picked"));
  if (by !== "source" && places.length) center(source.lines[places[0][1] - 1], source.code);
}

function showLine(file, line) {
  showTab("source");
  if (file !== source.shown) showFile(file);
  const row = source.lines[line - 1];
  if (row) center(row, source.code);
  byId("panels").scrollIntoView({ block: "nearest" });
}
