// What is known of the picked item.

const TERMS = 8; // links that are shown of a list

function startPicked() {
  const section = byId("picked");
  onPick((index) => section.replaceChildren(...(index === null ? hint() : about(index))));
  section.replaceChildren(...hint());
}

const hint = () => [make("p", { class: "hint" }, levels.size
  ? "Pick a layer or a block: in the diagram, the table, the source, or by search. A click opens a block, and closes it."
  : "Pick a layer or a block: in the table, the source, or by search.")];

function about(index) {
  const item = items[index];
  const swatch = make("i", { style: null, class: "" });
  const colour = item.block ? "block" : item.colour;
  swatch.style.background = `var(--${colour})`;
  swatch.style.borderColor = `var(--${colour}-line)`;
  const terms = [];
  const add = (term, ...content) => content.some((part) => part && part.length !== 0) && terms.push(make("dt", {}, term), make("dd", {}, ...content));
  if (item.doc) add("", item.doc);
  if (item.arguments?.length) add("arguments", item.arguments.map(([name, value]) => `${name}=${value}`).join(", "));
  add("output", item.output);
  if (item.mode) add("runs", item.mode === "training" ? "in training only" : "in evaluation only");
  add("reads", sources(item));
  add("read by", linked(item.block ? outside(item) : readers[index]));
  for (const name of ["params", "macs", "memory", "field"]) {
    const value = text(item, name);
    if (value !== "–" && value !== "-" && value !== "") add(MEASURES[name].title, value, share(item, name));
  }
  add("written", written_at(item));
  const alike = whereabouts(index).find((box) => box.count > 1);
  if (alike && !items[index].block && alike.item !== index) add("drawn", `once for ${alike.count} equal blocks, ${items[alike.item].path} to ${items[alike.last].path}`);
  const title = make("div", {}, make("h2", {}, nameOf(index)), make("span", { class: "kind" }, swatch, item.kind), make("dl", {}, terms));
  return [title, make("div", {}, drawFields(item))];
}

const share = (item, name) => {
  if (name !== "params" && name !== "macs") return "";
  const all = amount(items[0], name);
  const part = amount(item, name);
  return all && part && part !== all ? `  (${part / all < 0.0005 ? "<0.1" : ((100 * part) / all).toFixed(1)} %)` : "";
};

function sources(item) {
  return limited(item.from.map(([source, name]) => (source < 0 ? make("span", { class: "path" }, name) : link(source, name))));
}

const linked = (indices) => limited([...new Set(indices)].map((index) => link(index)));

function limited(links) {
  if (!links.length) return "";
  const more = links.length - TERMS;
  return make("span", { class: "links" }, links.slice(0, TERMS), more > 0 ? make("span", {}, `and ${more} more`) : "");
}

/** The nodes outside of a block that read what is in it. */
function outside(item) {
  const inside = items.filter((each) => !each.block && each.start >= item.start && each.end <= item.end);
  return inside.flatMap((each) => readers[nodeAt[each.start]]).filter((reader) => items[reader].start >= item.end);
}

function written_at(item) {
  return make("span", { class: "links" }, item.places.map(([file, line], i) => {
    const label = `${i ? "used at " : ""}${data.files[file].name}:${line}`;
    return make("button", { class: "link path", type: "button", onclick: () => showLine(file, line) }, label);
  }));
}
