// Parameters, MACs and memory by block, as bars; and the memory of activations over time.

const chart = { root: 0 };

function startCharts() {
  const panel = byId("charts");
  chart.bars = make("div");
  panel.append(chart.bars, timeline());
  drawBars();
  onPick((index, by) => {
    if (by !== "charts" && index !== null) chart.root = items[index].block && children[index].length ? index : (parents[index] ?? 0);
    drawBars();
  });
}

function drawBars() {
  const names = ["params", "macs", "memory"];
  const rows = children[chart.root].filter((index) => names.some((name) => amount(items[index], name) > 0));
  const most = Object.fromEntries(names.map((name) => [name, Math.max(1, ...rows.map((index) => amount(items[index], name)))]));
  const crumbs = [...ancestors(chart.root), chart.root].flatMap((index, i) => [i ? "›" : "", make("button", { class: "link", type: "button", onclick: () => { chart.root = index; pick(index || null, "charts"); } }, index ? ownName(index) : data.name)]);
  const head = ["block", "params", "MACs", "memory"].map((title) => make("div", { class: "head" }, title));
  const lines = rows.flatMap((index) => {
    const item = items[index];
    const go = () => {
      if (item.block && children[index].length) chart.root = index;
      pick(index, "charts");
    };
    const name = make("button", { type: "button", class: index === picked ? "picked" : null, onclick: go, title: `${item.path}: ${item.kind}` }, ownName(index));
    return [name, ...names.map((each) => bar(item, each, most[each], go))];
  });
  chart.bars.replaceChildren(make("nav", { class: "crumbs", "aria-label": "Around" }, crumbs), make("div", { class: "bars" }, head, lines));
}

function bar(item, name, most, go) {
  const fill = make("div", { class: "fill" });
  fill.style.width = `${(100 * amount(item, name)) / most}%`;
  fill.style.background = `var(${MEASURES[name].hue})`;
  return make("div", { class: "measure", onclick: go, title: text(item, name) }, make("div", { class: "track" }, amount(item, name) > 0 ? fill : ""), make("div", { class: "number" }, text(item, name, "short")));
}

/** Bytes alive while each node runs. */
function timeline() {
  if (!data.live) return make("p", { class: "timeline" }, "Memory is not known: it follows from sizes that are not.");
  const steps = data.live.map((size, position) => [position, size]).filter(([position]) => data.runs[position]);
  if (!steps.length) return "";
  const peak = steps.reduce((best, step) => (step[1] > best[1] ? step : best));
  const top = peak[1] || 1;
  const [w, h] = [1000, 100];
  const line = steps.map(([, size], i) => `${(w * i) / steps.length} ${h - (h * size) / top} H ${(w * (i + 1)) / steps.length}`);
  const path = `M ${line[0]} ${line.slice(1).map((each) => `V ${each.split(" ")[1]} ${each.slice(each.indexOf("H"))}`).join(" ")}`;
  const marker = draw("line", { class: "mark", y1: 0, y2: h, visibility: "hidden" });
  const said = make("p", { class: "said" });
  const say = ([position, size]) => `${bytes(size)} while ${nameOf(nodeAt[position])} runs`;
  const rest = `The most: ${say(peak)}.`;
  said.textContent = rest;
  const svg = draw("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", role: "img", "aria-label": rest },
    draw("path", { class: "area", d: `${path} V ${h} H 0 Z` }), draw("path", { class: "edge", d: path }), marker);
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * steps.length), 0, steps.length - 1);
  };
  const put = (i) => {
    marker.setAttribute("visibility", "visible");
    for (const end of ["x1", "x2"]) marker.setAttribute(end, (w * (i + 0.5)) / steps.length);
  };
  const rested = () => {
    const i = picked === null || items[picked].block ? -1 : steps.findIndex(([position]) => position === items[picked].start);
    said.textContent = i < 0 ? rest : `${say(steps[i])}. ${rest}`;
    if (i < 0) marker.setAttribute("visibility", "hidden");
    else put(i);
  };
  svg.addEventListener("pointermove", (event) => { put(at(event)); said.textContent = `${say(steps[at(event)])}.`; });
  svg.addEventListener("pointerleave", rested);
  svg.addEventListener("click", (event) => pick(nodeAt[steps[at(event)][0]], "timeline"));
  onPick(rested);
  return make("div", { class: "timeline" }, make("h2", {}, `Activations in memory, over a forward pass of ${data.batch === 1 ? "one sample" : `${data.batch} samples`}`), svg, said);
}
