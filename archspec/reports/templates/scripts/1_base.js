// The data, and helpers that every part of the page uses. All text gets into the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const items = data.items;
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

/** An element with attributes (`on...` are listeners; null and false leave one out) and children: elements, texts. */
function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Numbers

const COUNTS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];

const whole = (number) => (number ? number.toLocaleString("en-US") : "–");

function short(number) {
  for (const [unit, letter] of COUNTS) if (number >= unit * 0.9995) return three(number / unit) + letter;
  return number ? three(number) : "–";
}

function bytes(number) {
  for (const [unit, name] of BYTES) if (number >= unit) return `${three(number / unit)} ${name}`;
  return number ? `${number} B` : "–";
}

const three = (number) => (number === Math.round(number) && number < 1000 ? `${number}` : number.toPrecision(3).replace(/e.*/, ""));

// Measures: an item's cells, in the order of `MEASURES` in data.py. One that is no number is [text, what to sort by].

const MEASURES = {
  params: { at: 0, title: "params", long: whole, short, hue: "--params", about: "Parameters; a shared one where it is owned" },
  macs: { at: 1, title: "MACs", long: whole, short, hue: "--macs", about: "Multiply-accumulates of one sample" },
  memory: { at: 2, title: "memory", long: bytes, short: bytes, hue: "--memory", about: "Activations alive while it runs; of a block the most" },
  weights: { at: 3, title: "weights", long: bytes, short: bytes, about: "Bytes of parameters and buffers" },
  field: { at: 4, title: "field", long: whole, short, about: "Receptive field; in parentheses that of the local path" },
};

const cell = (item, name) => item.cells[MEASURES[name].at];
const amount = (item, name) => (Array.isArray(cell(item, name)) ? cell(item, name)[1] : cell(item, name));

function text(item, name, form = "long") {
  const value = cell(item, name);
  return Array.isArray(value) ? value[0] : MEASURES[name][form](value);
}

// How items hang together

const parents = [];
const children = items.map(() => []);
{
  const around = [];
  items.forEach((item, index) => {
    around.length = item.level + 1;
    parents[index] = around.length ? around[around.length - 1] : null;
    if (parents[index] !== null) children[parents[index]].push(index);
    around.push(index);
  });
}

const readers = items.map(() => []);
items.forEach((item, index) => {
  if (!item.block) for (const [source] of item.from) if (source >= 0) readers[source].push(index);
});

const nodeAt = [];
items.forEach((item, index) => {
  if (!item.block) nodeAt[item.start] = index;
});

const nameOf = (index) => items[index].path || data.name;
const ownName = (index) => items[index].path.slice(index && parents[index] ? items[parents[index]].path.length + 1 : 0) || data.name;

function ancestors(index) {
  const found = [];
  for (let at = parents[index]; at !== null && at !== undefined; at = parents[at]) found.unshift(at);
  return found;
}

// What is picked: one item, or none. Every part of the page shows it.

const listeners = [];
let picked = null;

/** `by` is the part of the page that it was picked in, which need not be scrolled to it. */
function pick(index, by = "") {
  picked = index;
  const path = index === null ? "" : `#${encodeURIComponent(items[index].path)}`;
  try {
    history.replaceState(null, "", path || location.pathname + location.search);
  } catch {
    // a page in a frame of another origin has no address of its own
  }
  for (const listener of listeners) listener(index, by);
}

const onPick = (listener) => listeners.push(listener);

/** A link to an item. */
const link = (index, label = nameOf(index)) => make("button", { class: "link path", type: "button", onclick: () => pick(index) }, label);

/** Makes arrows go along a row of elements, of which one can be tabbed to. */
function roving(elements, event, forward = "ArrowRight", back = "ArrowLeft") {
  const at = elements.indexOf(event.target);
  const next = { [forward]: at + 1, [back]: at - 1, Home: 0, End: elements.length - 1 }[event.key];
  if (at < 0 || next === undefined) return null;
  event.preventDefault();
  const element = elements[(next + elements.length) % elements.length];
  for (const each of elements) each.tabIndex = each === element ? 0 : -1;
  element.focus();
  return element;
}
