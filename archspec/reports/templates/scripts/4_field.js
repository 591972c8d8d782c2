// What one unit of the picked node sees of the input: exact tables, made with the page; the unit can be moved.

const WIDE = 210; // of the drawing
const MOST_HIGH = 210;

/** One drawing for each input that is seen. */
function drawFields(item) {
  return item.fields.map((number) => new FieldView(data.fields[number]).element);
}

class FieldView {
  constructor(entry) {
    this.entry = entry;
    this.units = new Map(); // by axis: how many there are, and which one is shown
    for (const axis of entry.axes) {
      if (axis.along !== undefined && !this.units.has(axis.along)) {
        this.units.set(axis.along, { count: axis.units, at: Math.floor(axis.units / 2), names: [] });
      }
      if (axis.along !== undefined) this.units.get(axis.along).names.push(axis.name);
    }
    this.canvas = draw("svg", { role: "img" });
    this.said = make("p", { class: "seen" });
    this.element = make("div", { class: "field" }, make("h3", {}, `Receptive field in ${entry.input}`), this.canvas, this.sliders(), this.said);
    for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.aim(event));
    this.show();
  }

  sliders() {
    return [...this.units].filter(([, unit]) => unit.count > 1).map(([axis, unit]) => {
      const plain = { rows: "row", columns: "column" };
      const name = unit.names.length > 1 ? "unit" : (plain[unit.names[0]] ?? unit.names[0]);
      unit.said = make("span");
      unit.slider = make("input", {
        type: "range", min: 0, max: unit.count - 1, value: unit.at, "aria-label": `${name} of the unit`, "data-axis": axis,
        oninput: () => { unit.at = Number(unit.slider.value); this.show(); },
      });
      return make("label", {}, make("span", {}, name), unit.slider, unit.said);
    });
  }

  /** First and last position along each axis, by table. */
  ranges(name, units = this.units) {
    return this.entry.axes.map((axis) => {
      const table = data.tables[axis[name] ?? axis.all];
      const unit = table.length > 2 ? units.get(axis.along).at : 0;
      return [table[2 * unit], table[2 * unit + 1]];
    });
  }

  get hasNear() {
    return this.entry.axes.some((axis) => axis.near !== undefined);
  }

  show() {
    const far = this.ranges("all");
    const near = this.hasNear ? this.ranges("near") : far;
    for (const unit of this.units.values()) {
      if (!unit.slider) continue;
      unit.slider.value = unit.at;
      unit.said.textContent = `${unit.at} / ${unit.count - 1}`;
    }
    if (this.entry.axes.length === 2) this.showMap(far, near);
    else this.showBars(far, near);
    this.said.textContent = this.words(far, near);
    this.canvas.setAttribute("aria-label", this.said.textContent);
  }

  words(far, near) {
    const axes = this.entry.axes;
    if (far.some(([first, last]) => first > last)) return "Nothing: all that this unit would see is padding.";
    const capital = (text) => text[0].toUpperCase() + text.slice(1);
    const say = (ranges) => ranges.map(([first, last], i) => `${axes[i].name} ${first} to ${last}`).join(", ");
    const part = far.reduce((share, [first, last], i) => (share * (last - first + 1)) / axes[i].size, 1);
    const most = this.entry.kind === "affine" || this.entry.kind === "phase-dependent" || this.entry.kind === "global" ? "" : "At most ";
    const local = this.hasNear && near.every(([first, last]) => first <= last) ? ` Its local path: ${say(near)}.` : "";
    return `${part === 1 ? "All of it" : `${capital(most + say(far))}: ${(100 * part).toPrecision(3)} %`}.${local}`;
  }

  frame(width, height) {
    this.canvas.replaceChildren();
    this.canvas.setAttribute("viewBox", `-1 -1 ${width + 2} ${height + 16}`);
  }

  showMap(far, near) {
    const [rows, columns] = this.entry.axes.map((axis) => axis.size);
    const scale = Math.min(WIDE / columns, MOST_HIGH / rows);
    const [width, height] = [columns * scale, rows * scale];
    this.scale = [scale, scale];
    this.frame(Math.max(width, WIDE), height);
    const lines = [1, 2, 3].map((i) => `M ${(width * i) / 4} 0 V ${height} M 0 ${(height * i) / 4} H ${width}`);
    this.canvas.append(draw("rect", { class: "whole", width, height }), draw("path", { class: "grid", d: lines.join(" ") }));
    const area = (name, [y0, y1], [x0, x1]) => {
      if (y0 > y1 || x0 > x1) return;
      const [w, h] = [Math.max((x1 - x0 + 1) * scale, 1.5), Math.max((y1 - y0 + 1) * scale, 1.5)];
      this.canvas.append(draw("rect", { class: name, x: x0 * scale, y: y0 * scale, width: w, height: h }));
    };
    area(this.hasNear ? "far" : "near", ...far);
    if (this.hasNear) area("near", ...near);
    this.canvas.append(draw("text", { class: "size", x: 0, y: height + 12 }, `${rows} × ${columns}`));
  }

  showBars(far, near) {
    const high = 22;
    this.scale = this.entry.axes.map((axis) => WIDE / axis.size);
    this.frame(WIDE, this.entry.axes.length * (high + 18));
    this.entry.axes.forEach((axis, i) => {
      const y = i * (high + 18);
      const bar = (name, [first, last]) => first <= last && this.canvas.append(draw("rect", {
        class: name, x: first * this.scale[i], y, width: Math.max((last - first + 1) * this.scale[i], 1.5), height: high,
      }));
      this.canvas.append(draw("rect", { class: "whole", y, width: WIDE, height: high }));
      bar(this.hasNear ? "far" : "near", far[i]);
      if (this.hasNear) bar("near", near[i]);
      this.canvas.append(draw("text", { class: "size", x: 0, y: y + high + 11 }, `${axis.name}: ${axis.size}`));
    });
  }

  /** Moves the unit to the one whose field is nearest to the pointer. */
  aim(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const matrix = this.canvas.getScreenCTM();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const axes = this.entry.axes;
    const flat = axes.length === 2;
    const wanted = axes.map((_, i) => (flat ? [at.y, at.x][i] / this.scale[i] : Math.floor(at.y / 40) === i ? at.x / this.scale[i] : null));
    const name = this.hasNear ? "near" : "all";
    for (const [along, unit] of this.units) {
      let best = Infinity;
      for (let place = 0; place < unit.count; place++) {
        const ranges = this.ranges(name, new Map([...this.units, [along, { ...unit, at: place }]]));
        const far = axes.reduce((sum, axis, i) => sum + (axis.along === along && wanted[i] !== null ? Math.abs((ranges[i][0] + ranges[i][1] + 1) / 2 - wanted[i]) : 0), 0);
        if (far < best - 1e-9) [best, unit.at] = [far, place];
      }
    }
    this.show();
  }
}
