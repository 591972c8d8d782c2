// Which boxes there are and where they stand, with some blocks open.
//
// Every block was laid out by itself when the page was made. A block that opens needs more room than its box: the level
// around it is stretched there, like a rubber sheet: downwards as a whole, sideways beside the open block alone. What was
// apart stays apart, since nothing shrinks.

const BORDER = 10;
const HEADING = 24;
const GAP = 11; // above and below a band of open blocks, where edges step aside: less than half of what is between ranks
const PIECES = 6; // of a curve, each of which is moved by itself where the sheet is stretched
const FINEST = 2; // how high a piece is where edges step aside
const LONG = 115; // an edge that is higher goes by other boxes

const levels = new Map(data.levels.map((level) => [level.item, level]));

const measure = document.createElement("canvas").getContext("2d");
function width(text, font) {
  measure.font = `${font} "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif`;
  return measure.measureText(text).width;
}

const canOpen = (box) => box.kind === "block" && levels.has(box.item);
const firstNode = (box) => items[box.item].start;
const lastNode = (box) => items[box.last ?? box.item].end;

const heading = (box) => ({ name: box.name ? `${box.name}: ` : "", what: box.title, rest: (box.lines ?? []).join("   ") });

/** A level with all that is open in it. Places are within the level: `boxes` have x, y (the middle), w, h, and `inner`. */
function compose(level, opened) {
  const boxes = level.boxes.map((box) => {
    const [x, y, w, h] = box.at;
    const closed = { box, x, y, w, h, inner: null, was: box.at };
    return canOpen(box) && opened.has(box.item) ? unfolded(closed, compose(levels.get(box.item), opened)) : closed;
  });
  const bands = bandsOf(boxes);
  const left = Math.min(0, ...bands.map((band) => band.across(0)));
  const right = Math.max(level.size[0], ...bands.map((band) => band.across(level.size[0])));
  const across = (x, y) => aside(bands, x, y) - left;
  const open = boxes.filter((each) => each.inner);
  const down = stretched([
    ...open.map(({ was: [, y, , h], h: need }) => ({ from: y - h / 2, to: y + h / 2, need })),
    ...bands.flatMap((band) => leeway(band, level, boxes)),
  ]);
  for (const each of boxes) {
    const [x, y, w, h] = each.was;
    each.x = across(x, y);
    each.y = (down(y - h / 2) + down(y + h / 2)) / 2;
    if (!each.inner) continue;
    each.x = clamp(each.x - each.enters + each.w / 2, across(x - w / 2, y) + each.w / 2, across(x + w / 2, y) - each.w / 2);
    each.innerX = each.x - each.inner.width / 2;
    each.innerY = each.y - each.h / 2 + HEADING;
  }
  const edges = level.edges.map((edge) => routed(edge, boxes, bands, across, down));
  return { level, boxes, edges, width: right - left, height: down(level.size[1]) };
}

/** The stretches from top to bottom that open blocks, and what is beside them, stand in: each is widened by itself. */
function bandsOf(boxes) {
  const bands = [];
  for (const { was: [, y, , h] } of boxes.filter((each) => each.inner)) {
    const band = { top: y - h / 2, bottom: y + h / 2 };
    for (let grows = true; grows; ) {
      const touched = boxes.filter(({ was }) => was[1] - was[3] / 2 < band.bottom && band.top < was[1] + was[3] / 2);
      const top = Math.min(...touched.map(({ was }) => was[1] - was[3] / 2));
      const bottom = Math.max(...touched.map(({ was }) => was[1] + was[3] / 2));
      grows = top < band.top || bottom > band.bottom;
      Object.assign(band, { top, bottom, open: touched.filter((each) => each.inner) });
    }
    if (!bands.some((other) => other.top === band.top)) bands.push(band);
  }
  for (const band of bands) {
    const wider = stretched(band.open.flatMap(({ was: [x, , w], w: need, enters }) => [
      { from: x - w / 2, to: x, need: enters },
      { from: x, to: x + w / 2, need: need - enters },
    ]));
    const moved = band.open.reduce((sum, { was: [x] }) => sum + wider(x) - x, 0) / band.open.length;
    band.across = (x) => wider(x) - moved;
  }
  return bands;
}

/** Where x goes at a height: as the band there has it, back to where it was above and below. */
function aside(bands, x, y) {
  const band = bands.find(({ top, bottom }) => top - GAP < y && y < bottom + GAP);
  if (!band) return x;
  const part = clamp(1 - Math.max(band.top - y, y - band.bottom) / GAP, 0, 1);
  return x + (band.across(x) - x) * part * part * (3 - 2 * part);
}

/** More room above and below a band, where edges that go by, or come from afar, must step far aside. */
function leeway(band, level, boxes) {
  const far = level.edges.map(({ way, ends }) => {
    if (!isLong(way)) return 0;
    const points = way.map((_, i) => i).filter((i) => i % 2 && way[i] > band.top && way[i] < band.bottom);
    const met = ends.some((number) => band.open.includes(boxes[number])) ? 80 : 0;
    return Math.max(met, ...points.map((i) => Math.abs(band.across(way[i - 1]) - way[i - 1])));
  });
  const need = GAP + Math.min(60, Math.max(0, ...far) / 2);
  return [{ from: band.top - GAP, to: band.top, need }, { from: band.bottom, to: band.bottom + GAP, need }];
}

const isLong = (way) => Math.abs(way[way.length - 1] - way[1]) > LONG;

/** A block with its inside; `enters`: how far from its left side its value comes in, which stays where it was. */
function unfolded(closed, inner) {
  const head = heading(closed.box);
  const titled = width(head.name, "11px") + width(head.what, "bold 11px") + width(head.rest, "11px") + 34;
  const w = Math.max(inner.width + 2 * BORDER, titled);
  const ports = ports_of(inner, "input");
  const enters = ports.length ? ports.reduce((sum, port) => sum + port.x, 0) / ports.length : inner.width / 2;
  return { ...closed, w, h: inner.height + HEADING + BORDER, inner, enters: (w - inner.width) / 2 + enters };
}

const ports_of = (level, kind) => level.boxes.filter(({ box }) => box.kind === kind);

/** Where a coordinate goes, where each span [from, to] must become as long as it needs. */
function stretched(spans) {
  const cuts = [...new Set(spans.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const lengths = cuts.slice(1).map((cut, i) => cut - cuts[i]);
  for (const { from, to, need } of [...spans].sort((a, b) => a.to - a.from - (b.to - b.from))) {
    const first = cuts.indexOf(from);
    const last = cuts.indexOf(to);
    const have = lengths.slice(first, last).reduce((sum, length) => sum + length, 0);
    for (let i = first; i < last; i++) if (need > have) lengths[i] *= need / have;
  }
  const ends = cuts.slice(0, 1);
  lengths.forEach((length) => ends.push(ends[ends.length - 1] + length));
  return (place) => {
    if (!cuts.length || place <= cuts[0]) return place;
    const after = cuts.findIndex((cut) => cut >= place);
    if (after < 0) return place + ends[ends.length - 1] - cuts[cuts.length - 1];
    const part = (place - cuts[after - 1]) / (cuts[after] - cuts[after - 1]);
    return ends[after - 1] + part * (ends[after] - ends[after - 1]);
  };
}

/** An edge's curve on the stretched sheet, its ends on the borders of the boxes that it joins. */
function routed(edge, boxes, bands, across, down) {
  let way = [];
  for (let i = 0; i < edge.way.length; i += 2) way.push([edge.way[i], edge.way[i + 1]]);
  const [source, target] = edge.ends.map((number) => boxes[number]);
  const [first, last] = [way[0], way[way.length - 1]];
  const ends = [end(first, source, edge.out, 1), end(last, target, edge.into, -1)];
  way = finer(way, bands);
  const points = way.map(([x, y]) => [across(x, y), down(y)]);
  const room = (each, [, y], side) => (isLong(edge.way) && each.inner ? Math.abs(down(y + side * GAP) - down(y)) : Infinity);
  lean(points, 0, ends[0][0], room(source, first, 1));
  lean(points, points.length - 1, ends[1][0], room(target, last, -1));
  const label = edge.label ? beside(edge, way, points) : null;
  lengthen(points, ...ends);
  const tip = !(isPort(target) || meetsPort(last, target, edge.into, -1));
  return { edge, points, tip, label };
}

const isPort = (each) => each.was[2] < 10;

/** Where an edge meets a box: in proportion where it met it, or above the port of an open block (below: side 1). */
function end([x, y], at, port, side) {
  const [wasX, wasY, wasW, wasH] = at.was;
  if (isPort(at)) return [at.x, at.y];
  const dot = meetsPort([x, y], at, port, side) && ports_of(at.inner, side < 0 ? "input" : "output")[port];
  if (dot) return [at.innerX + dot.x, at.y + (side * at.h) / 2];
  return [at.x + ((x - wasX) / wasW) * at.w, at.y + ((y - wasY) / wasH) * at.h];
}

/** Whether an edge goes on inside of an open block: not where it comes to its left or right side. */
const meetsPort = ([, y], { inner, was }, port, side) => inner !== null && port !== undefined && Math.abs(was[1] + (side * was[3]) / 2 - y) < 3;

/** Moves one end of a curve aside, to `x`; what is near follows, the less the farther it is, none beyond `room`. */
function lean(points, at, x, room) {
  const [endX, endY] = points[at];
  const reach = Math.min(room, Math.max(1, ...points.map((point) => Math.abs(point[1] - endY))));
  points.forEach((point, i) => {
    const part = clamp(1 - Math.abs(point[1] - endY) / reach, 0, 1);
    points[i] = [point[0] + (x - endX) * (i === at ? 1 : part * part * (3 - 2 * part)), point[1]];
  });
}

/** Lets a curve begin and end with straight lines up or down to its ends, where a box has moved away from it. */
function lengthen(points, first, last) {
  const [head, tail] = [points[0], points[points.length - 1]];
  if (Math.abs(tail[1] - last[1]) > 0.5) points.push(tail, last, last);
  if (Math.abs(head[1] - first[1]) > 0.5) points.unshift(first, first, head);
}

/** A label, as far from its edge as it was before. */
function beside(edge, before, after) {
  const [x, y] = edge.place;
  let best = 0;
  for (let i = 0; i < before.length; i += 3) if (Math.abs(before[i][1] - y) < Math.abs(before[best][1] - y)) best = i;
  return { text: edge.label, x: after[best][0] + x - before[best][0], y: after[best][1] + y - before[best][1] };
}

/** The same curve in more pieces (de Casteljau): small ones where edges step aside. */
function finer(points, bands) {
  const found = [points[0]];
  const add = (piece) => {
    const heights = piece.map(([, y]) => y);
    const [top, bottom] = [Math.min(...heights), Math.max(...heights)];
    const crosses = (edge, side) => top < Math.max(edge, edge + side) && bottom > Math.min(edge, edge + side);
    if (bottom - top > FINEST && bands.some((band) => crosses(band.top, -GAP) || crosses(band.bottom, GAP))) split(piece, 0.5).forEach(add);
    else found.push(...piece.slice(1));
  };
  for (let i = 0; i + 3 < points.length; i += 3) {
    let rest = points.slice(i, i + 4);
    for (let pieces = bands.length ? PIECES : 1; pieces > 1; pieces--) {
      const [head, tail] = split(rest, 1 / pieces);
      add(head);
      rest = tail;
    }
    add(rest);
  }
  return found;
}

function split(points, t) {
  const mix = ([ax, ay], [bx, by]) => [ax + (bx - ax) * t, ay + (by - ay) * t];
  const [a, b, c, d] = points;
  const [ab, bc, cd] = [mix(a, b), mix(b, c), mix(c, d)];
  const [abc, bcd] = [mix(ab, bc), mix(bc, cd)];
  const middle = mix(abc, bcd);
  return [[a, ab, abc, middle], [middle, bcd, cd, d]];
}

/** The boxes from the outside in that an item is drawn in; of equal blocks the first stands for all. */
function whereabouts(index) {
  let { start, end: stop } = items[index];
  const chain = [];
  let level = levels.get(0);
  while (level) {
    const box = level.boxes.find((each) => each.item !== undefined && firstNode(each) <= start && stop <= lastNode(each));
    if (!box) break;
    const size = items[box.item].end - items[box.item].start;
    const turns = Math.floor((start - firstNode(box)) / size);
    start -= turns * size;
    stop -= turns * size;
    chain.push(box);
    if (items[box.item].level >= items[index].level) break;
    level = levels.get(box.item);
  }
  return chain;
}
