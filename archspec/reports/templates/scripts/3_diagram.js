// The diagram: drawn from the scene, moved and zoomed, opened and closed, walked through by keyboard.

const picture = byId("picture");
const opened = new Set(data.levels.filter((level) => level.open).map((level) => level.item));
const shown = new Map(); // the elements and places of boxes on the page, by item
const view = { x: 0, y: 0, k: 1 };
const sheet = draw("g");
let scene = null;
let focused = null; // the item whose box can be tabbed to

function drawScene() {
  const hadFocus = picture.contains(document.activeElement);
  shown.clear();
  sheet.replaceChildren();
  scene = compose(levels.get(0), opened);
  drawLevel(scene, sheet, 0, 0, 0);
  mark();
  if (!shown.has(focused)) focused = [...shown.keys()][0] ?? null;
  for (const [index, { element }] of shown) element.setAttribute("tabindex", index === focused ? 0 : -1);
  if (hadFocus) shown.get(focused)?.element.focus({ preventScroll: true });
}

function drawLevel(level, parent, x, y, depth) {
  const ways = draw("g");
  parent.append(ways);
  for (const way of level.edges) drawWay(ways, way);
  for (const each of level.boxes) {
    if (each.box.kind === "input" || each.box.kind === "output") drawEnd(parent, each, level, depth);
    else drawBox(parent, each, x, y, depth);
  }
  for (const { label } of level.edges) {
    if (label) parent.append(draw("text", { class: depth % 2 ? "way-label deep" : "way-label", x: label.x, y: label.y + 3, "text-anchor": "middle" }, label.text));
  }
}

function drawWay(parent, { edge, points, tip }) {
  const [first, ...rest] = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  const classes = ["way", edge.kind, edge.mode].filter(Boolean).join(" ");
  const marker = !tip ? null : `url(#tip${edge.kind === "skip" ? "-skip" : ""})`;
  const element = draw("path", { class: classes, d: `M ${first} C ${rest.join(" ")}`, "marker-end": marker });
  parent.append(element);
}

function drawEnd(parent, { box, x, y, w, h }, level, depth) {
  if (depth === 0) {
    const element = draw("g", { class: ["box end", box.mode].filter(Boolean).join(" ") });
    element.append(draw("rect", { class: "face", x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 6 }));
    element.append(...written(box, x, y, h));
    parent.append(element);
    return;
  }
  const side = box.kind === "input" ? -1 : 1;
  const border = box.kind === "input" ? -HEADING : level.height + BORDER;
  parent.append(draw("path", { class: "way", d: `M ${x} ${border} V ${y}` }), draw("circle", { class: "port", cx: x, cy: y, r: 2.6 }));
  const several = level.boxes.filter((each) => each.box.kind === box.kind).length > 1;
  if (several) parent.append(draw("text", { class: "port-name", x: x + 5, y: y + (side < 0 ? 3 : 4) }, box.title));
}

function drawBox(parent, each, x, y, depth) {
  const { box, inner } = each;
  const item = items[box.item];
  const classes = ["box", box.kind === "block" ? "block" : item.colour, box.mode, inner && "opened", depth % 2 ? "deep" : ""];
  const element = draw("g", {
    class: classes.filter(Boolean).join(" "), role: "treeitem", tabindex: -1, "data-item": box.item,
    "aria-label": spoken(box), "aria-expanded": canOpen(box) ? String(Boolean(inner)) : null,
  });
  const [left, top] = [each.x - each.w / 2, each.y - each.h / 2];
  const face = { x: left, y: top, width: each.w, height: each.h, rx: 5 };
  if (box.count > 1) element.append(draw("rect", { ...face, x: left + 3, y: top - 3 }));
  element.append(draw("rect", { class: "face", ...face }));
  element.append(draw("title", {}, [item.path, item.doc, item.output].filter(Boolean).join("\n")));
  if (inner) {
    const head = heading(box);
    const parts = [head.name, draw("tspan", { class: "what" }, head.what), head.rest && `   ${head.rest}`];
    const inside = draw("g", { role: "group", transform: `translate(${each.innerX} ${each.innerY})` });
    drawLevel(inner, inside, x + each.innerX, y + each.innerY, depth + 1);
    element.append(inside, draw("text", { class: "heading", x: left + 9, y: top + 15 }, "▾ ", ...parts));
  } else {
    element.append(...written(box, each.x, each.y, each.h));
  }
  parent.append(element);
  shown.set(box.item, { element, box, x: x + each.x, y: y + (inner ? top + HEADING / 2 : each.y), top: y + top, w: each.w, h: each.h, inner });
}

/** A box's title and lines, in the middle of it. */
function written(box, x, y, height) {
  const name = box.name ? [draw("tspan", { class: "small" }, ` ${box.name}`)] : [];
  const head = draw("text", { class: "title", x, y: y - height / 2 + 18, "text-anchor": "middle" }, box.title, ...name);
  const lines = (box.lines ?? []).map((line, i) =>
    draw("text", { class: "small", x, y: y - height / 2 + 32 + 13 * i, "text-anchor": "middle" }, line),
  );
  return [head, ...lines];
}

const spoken = (box) => [box.title, box.name ?? items[box.item].path, ...(box.lines ?? []), items[box.item].output].filter(Boolean).join(", ");

/** Shows what is picked: its box, and the edges that touch it. */
function mark() {
  for (const element of sheet.querySelectorAll(".picked, .alike, .touched")) {
    element.classList.remove("picked", "alike", "touched");
    element.removeAttribute("aria-selected");
  }
  if (picked === null) return;
  const chain = whereabouts(picked);
  const box = chain.findLast((each) => shown.has(each.item));
  if (!box) return;
  const exact = items[box.item].level >= items[picked].level && items[box.item].start === items[picked].start;
  const { element } = shown.get(box.item);
  element.classList.add(exact ? "picked" : "alike");
  element.setAttribute("aria-selected", "true");
  touch(scene, sheet, box);
}

function touch(level, parent, box) {
  const number = level.boxes.findIndex((each) => each.box === box);
  const ways = parent.firstElementChild.children;
  level.edges.forEach(({ edge }, i) => ways[i].classList.toggle("touched", number >= 0 && edge.ends.includes(number)));
  level.boxes.forEach((each) => {
    const inside = each.inner && shown.get(each.box.item).element.querySelector(":scope > g");
    if (inside) touch(each.inner, inside, box);
  });
}

// Opening and closing

function toggle(index) {
  const before = shown.get(index);
  if (opened.has(index)) opened.delete(index);
  else opened.add(index);
  drawScene();
  const after = shown.get(index);
  if (before && after) move((before.x - after.x) * view.k, (before.top - after.top) * view.k); // it stays under the pointer
}

function openAll(isOpen) {
  for (const level of data.levels) {
    if (level.item && isOpen) opened.add(level.item);
    else if (level.item) opened.delete(level.item);
  }
  drawScene();
  fit(true);
}

/** Opens what is around an item, and brings its box into view. */
function reveal(index) {
  const chain = whereabouts(index);
  for (const box of chain.slice(0, -1)) opened.add(box.item);
  const isNew = chain.some((box) => !shown.has(box.item));
  if (isNew) drawScene();
  const at = shown.get(chain[chain.length - 1]?.item);
  if (!at) return;
  focus(chain[chain.length - 1].item, false);
  const [w, h] = size();
  const [left, right] = [view.x + (at.x - at.w / 2) * view.k, view.x + (at.x + at.w / 2) * view.k];
  const [top, bottom] = [view.y + at.top * view.k, view.y + (at.top + Math.min(at.h, 60)) * view.k];
  if (!isNew && left >= 0 && right <= w && top >= 8 && bottom <= h - 40) return;
  const spare = w - scene.width * view.k;
  const x = spare > 0 ? spare / 2 : clamp(w / 2 - at.x * view.k, spare - 16, 16);
  move(x - view.x, h / 3 - at.top * view.k - view.y, true);
}

// Moving and zooming

const size = () => [picture.clientWidth || 600, picture.clientHeight || 600];

function move(dx, dy, smooth = false) {
  view.x += dx;
  view.y += dy;
  apply(smooth);
}

function apply(smooth = false) {
  const [w, h] = size();
  const keep = 60; // of the picture stays in view
  view.x = clamp(view.x, keep - scene.width * view.k, w - keep);
  view.y = clamp(view.y, keep - scene.height * view.k, h - keep);
  sheet.classList.toggle("smooth", smooth);
  sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
}

function zoom(factor, x = size()[0] / 2, y = size()[1] / 2) {
  const k = clamp(view.k * factor, 0.05, 4);
  view.x = x - ((x - view.x) * k) / view.k;
  view.y = y - ((y - view.y) * k) / view.k;
  view.k = k;
  apply();
}

/** All of it in view; or as wide as it fits, from the top, where that would be too small to read. */
function fit(readable = false) {
  const [w, h] = size();
  const [across, down] = [(w - 32) / scene.width, (h - 60) / scene.height];
  view.k = Math.min(across, down, 1.25);
  if (readable && view.k < 0.75) view.k = clamp(Math.min(across, 1), 0.45, 1);
  view.x = (w - scene.width * view.k) / 2;
  view.y = Math.max((h - scene.height * view.k) / 2, 16);
  if (scene.width * view.k > w) view.x = 16;
  apply();
}

const pointers = new Map();
let travelled = 0;

function grab(event) {
  if (event.button > 0) return;
  if (!pointers.size) travelled = 0;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
}

function drag(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
  travelled += Math.abs(dx) + Math.abs(dy);
  if (travelled < 5) return;
  if (!picture.hasPointerCapture(event.pointerId)) picture.setPointerCapture(event.pointerId);
  picture.classList.add("moving");
  pointers.set(event.pointerId, now);
  if (others.length) {
    const [[x, y]] = others;
    const box = picture.getBoundingClientRect();
    const apart = (at) => Math.hypot(at[0] - x, at[1] - y) || 1;
    zoom(apart(now) / apart(before), (now[0] + x) / 2 - box.left, (now[1] + y) / 2 - box.top);
  } else {
    move(dx, dy);
  }
}

function drop(event) {
  pointers.delete(event.pointerId);
  if (!pointers.size) picture.classList.remove("moving");
}

function roll(event) {
  event.preventDefault();
  const step = event.deltaMode === 1 ? 18 : 1;
  const box = picture.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY * step * 0.008), event.clientX - box.left, event.clientY - box.top);
  else if (event.shiftKey) move(-event.deltaY * step, 0);
  else move(-event.deltaX * step, -event.deltaY * step);
}

// Clicks and keys

function clicked(event) {
  if (travelled >= 5) return; // it was moved
  const element = event.target.closest(".box[data-item]");
  if (!element) {
    pick(null, "diagram");
    return;
  }
  activate(Number(element.dataset.item));
}

function activate(index) {
  focused = index;
  if (levels.has(index) && shown.get(index)?.box.kind === "block") toggle(index);
  focus(index, true);
  pick(index, "diagram");
}

function focus(index, isReal) {
  const before = shown.get(focused);
  before?.element.setAttribute("tabindex", -1);
  focused = index;
  const now = shown.get(index);
  now?.element.setAttribute("tabindex", 0);
  if (isReal) now?.element.focus({ preventScroll: true });
}

const AIM = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };

function keyed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else if ((event.key === "Enter" || event.key === " ") && focused !== null) activate(focused);
  else if (event.key === "Escape") closeAround();
  else if (AIM[event.key]) walk(AIM[event.key]);
  else return;
  event.preventDefault();
}

/** To the nearest box in a direction. */
function walk([dx, dy]) {
  const from = shown.get(focused);
  if (!from) return;
  let best = null;
  for (const [index, to] of shown) {
    const ahead = (to.x - from.x) * dx + (to.y - from.y) * dy;
    const aside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
    const cost = ahead + 2 * aside;
    if (index !== focused && ahead > 2 && (!best || cost < best.cost)) best = { index, cost };
  }
  if (!best) return;
  focus(best.index, true);
  pick(best.index, "keys");
  reveal(best.index);
}

/** Closes the block that the focused box is in, or is. */
function closeAround() {
  const around = whereabouts(focused ?? 0).filter((box) => opened.has(box.item) && shown.has(box.item));
  if (!around.length) return;
  const index = around[around.length - 1].item;
  toggle(index);
  focus(index, true);
  pick(index, "keys");
  reveal(index);
}

function startDiagram() {
  if (!levels.has(0)) return;
  const tip = (id, kind) =>
    draw("marker", { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" },
      draw("path", { class: `tip ${kind}`, d: "M 0 1.5 L 10 5 L 0 8.5 z" }));
  picture.append(draw("defs", {}, tip("tip", ""), tip("tip-skip", "skip")), sheet);
  drawScene();
  fit(true);
  picture.addEventListener("pointerdown", grab);
  picture.addEventListener("pointermove", drag);
  for (const name of ["pointerup", "pointercancel"]) picture.addEventListener(name, drop);
  picture.addEventListener("wheel", roll, { passive: false });
  picture.addEventListener("click", clicked);
  picture.addEventListener("keydown", keyed);
  byId("open-all").addEventListener("click", () => openAll(true));
  byId("close-all").addEventListener("click", () => openAll(false));
  byId("zoom-in").addEventListener("click", () => zoom(1.25));
  byId("zoom-out").addEventListener("click", () => zoom(0.8));
  byId("zoom-fit").addEventListener("click", () => fit());
  let [wide, high] = size();
  new ResizeObserver(() => {
    const [w, h] = size();
    if (w !== wide || h !== high) move((w - wide) / 2, 0);
    [wide, high] = [w, h];
  }).observe(picture);
  onPick((index, by) => {
    if (index !== null && index > 0 && by !== "diagram" && by !== "keys") reveal(index);
    mark();
  });
}
