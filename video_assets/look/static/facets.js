// The left side: status, where clips were dropped, sources, distributions that filter.

import { $, h, label, svg, value, whole } from "./dom.js";

const STATUSES = [["kept", "Kept"], ["dropped", "Dropped"], ["waiting", "Waiting"], ["pending", "Not through yet"]];
const sum = (cells, counts, fits) => cells.filter(fits).reduce((total, cell) => total + (counts[cell.cell] ?? 0), 0);

export class Facets {
  constructor(state) {
    this.state = state;
    this.rows = [];
    this.axes = new Map();
  }

  // Rows are made once for the tables; numbers come and go.
  build(tables) {
    this.tables = tables;
    this.rows = [];
    this.axes.clear();
    const side = $("filters");
    side.replaceChildren(...[this.statuses(), this.funnel(), this.sources(), this.numbers()].filter(Boolean));
    side.append(h("button", { class: "primary close-filters", onclick: () => closeFilters() }, "Show clips"));
  }

  statuses() {
    const { cells } = this.tables;
    const all = this.row("", "All clips", () => true, () => this.state.set({ status: [], stage: [], reason: [] }, { push: true }));
    const some = STATUSES.filter(([status]) => cells.some((cell) => cell.status === status)).map(([status, name]) =>
      this.row(status, name, (cell) => cell.status === status, () => this.state.toggle("status", status, { stage: [], reason: [] }), {
        dot: status, isOn: () => this.state.has("status", status) && !this.state.get("reason"),
      }));
    this.rows[0].isOn = () => !this.state.get("status") && !this.state.get("reason") && !this.state.get("stage");
    return h("section", {}, h("h2", {}, "Clips"), all, some);
  }

  funnel() {
    const dropped = this.tables.cells.filter((cell) => cell.status === "dropped" || cell.status === "waiting");
    if (!dropped.length) return null;
    const stages = [...new Set(dropped.map((cell) => cell.stage))];
    const largest = Math.max(...dropped.map((cell) => cell.clips));
    const parts = stages.flatMap((stage) => {
      const reasons = [...new Set(dropped.filter((cell) => cell.stage === stage).map((cell) => cell.reason))];
      return [h("h3", {}, stage), ...reasons.map((reason) => {
        const fits = (cell) => cell.stage === stage && cell.reason === reason && cell.status !== "kept" && cell.status !== "pending";
        return this.row(reason, reason, fits, () => this.state.set(this.isReason(stage, reason)
          ? { stage: [], reason: [], status: [] } : { stage, reason, status: [] }, { push: true }), {
          title: this.tables.meanings[reason], largest, isOn: () => this.isReason(stage, reason),
        });
      })];
    });
    return h("section", {}, h("h2", {}, "Where clips were dropped"), parts);
  }

  isReason(stage, reason) { return this.state.has("reason", reason) && (this.state.has("stage", stage) || !this.state.get("stage")); }

  sources() {
    const names = [...new Set(this.tables.cells.map((cell) => cell.source))];
    if (names.length < 2) return null;
    return h("section", {}, h("h2", {}, "Sources"), names.map((name) =>
      this.row(name, name, (cell) => cell.source === name, () => this.state.toggle("source", name), {
        isOn: () => this.state.has("source", name),
      })));
  }

  row(id, name, fits, act, { dot, title, largest, isOn = () => false } = {}) {
    const number = h("span", { class: "num" });
    const meter = largest ? h("span", { class: "fill" }) : null;
    const button = h("button", { class: "row", title, "aria-pressed": "false", "data-value": id, onclick: () => { act(); } },
      meter, dot ? h("span", { class: `dot ${dot}` }) : null, h("span", { class: "name" }, name), number);
    this.rows.push({ button, number, meter, fits, isOn, largest });
    return button;
  }

  numbers() {
    if (!this.tables.axes.length) return null;
    return h("section", {}, h("h2", {}, "Numbers"), this.tables.axes.map((axis) => this.axis(axis)));
  }

  axis(axis) {
    const bins = axis.clips.length, width = 240, height = 44, step = width / bins, most = Math.max(...axis.clips, 1);
    const tall = (clips, of) => (clips ? Math.max(1.5, height * Math.sqrt(clips / of)) : 0);
    const bars = axis.clips.map((clips, place) => {
      const at = { x: place * step + 0.5, width: step - 1, rx: 1 };
      const all = svg("rect", { ...at, class: "all", y: height - tall(clips, most), height: tall(clips, most) });
      const some = svg("rect", { ...at, class: "some", y: height, height: 0 });
      const group = svg("g", {}, all, some, svg("rect", { x: place * step, y: 0, width: step, height, class: "hit" }),
        svg("title", {}, `${value(axis.name, axis.edges[place])} to ${value(axis.name, axis.edges[place + 1])}: ${whole(clips)} clips`));
      group.addEventListener("click", () => this.narrow(axis, place, place + 1));
      return { group, some };
    });
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars.map((bar) => bar.group));
    const slide = (end) => h("input", { type: "range", min: 0, max: bins, step: 1, "aria-label": `${label(axis.name)}, ${end}`, "data-end": end });
    const low = slide("lowest"), high = slide("highest"), words = h("span", { class: "num" });
    const moved = () => {
      const [from, to] = [Math.min(+low.value, +high.value), Math.max(+low.value, +high.value)];
      this.narrow(axis, from, Math.max(to, from + 1 > bins ? to : Math.min(to, bins)));
    };
    for (const input of [low, high]) {
      input.addEventListener("input", () => { words.textContent = this.between(axis, Math.min(+low.value, +high.value), Math.max(+low.value, +high.value)); });
      input.addEventListener("change", moved);
    }
    const box = h("div", { class: "axis", "data-axis": axis.name }, h("div", { class: "axis-head" }, h("span", {}, label(axis.name)), words), picture, h("div", { class: "double" }, low, high));
    this.axes.set(axis.name, { axis, bars, low, high, words, box, height, most });
    return box;
  }

  between(axis, from, to) { return `${value(axis.name, axis.edges[from])} – ${value(axis.name, axis.edges[to])}`; }

  narrow(axis, from, to) {
    const bins = axis.clips.length, [low, high] = this.state.range(axis.name);
    const range = `${from > 0 ? short(axis.edges[from]) : ""}..${to < bins ? short(axis.edges[to]) : ""}`;
    const isSame = range === `${low ?? ""}..${high ?? ""}`;
    this.state.set({ [axis.name]: range === ".." || isSame ? [] : range }, { push: true });
  }

  // Marks what is chosen: at once, before any answer.
  mark() {
    for (const row of this.rows) row.button.setAttribute("aria-pressed", String(row.isOn()));
    for (const { axis, bars, low, high, words, box } of this.axes.values()) {
      const [from, to] = this.state.range(axis.name), bins = axis.clips.length;
      const place = (edge, otherwise) => edge === null ? otherwise : nearest(axis, edge);
      const [first, last] = [place(from, 0), place(to, bins)];
      low.value = first;
      high.value = last;
      words.textContent = from === null && to === null ? this.between(axis, 0, bins)
        : `${value(axis.name, from ?? axis.edges[0])} – ${value(axis.name, to ?? axis.edges[bins])}`;
      box.classList.toggle("on", from !== null || to !== null);
      bars.forEach((bar, at) => bar.group.setAttribute("class", at >= first && at < Math.max(last, first + 1) ? "in" : ""));
    }
  }

  show(answer) {
    for (const row of this.rows) {
      const clips = sum(this.tables.cells, answer.cells, row.fits);
      row.number.textContent = whole(clips);
      row.button.classList.toggle("none", clips === 0);
      if (row.meter) row.meter.style.width = `${100 * Math.sqrt(clips / row.largest)}%`;
    }
    for (const [name, { bars, height, most }] of this.axes) {
      (answer.histograms[name] ?? []).forEach((clips, place) => {
        const tall = clips ? Math.max(1.5, height * Math.sqrt(clips / most)) : 0;
        bars[place].some.setAttribute("height", tall);
        bars[place].some.setAttribute("y", height - tall);
      });
    }
  }
}

export function closeFilters() {
  document.body.classList.remove("filtering");
  $("open-filters").setAttribute("aria-expanded", "false");
}

const short = (number) => String(Number(number.toPrecision(6)));

function nearest(axis, edge) {
  let best = 0;
  axis.edges.forEach((each, place) => { if (Math.abs(each - edge) < Math.abs(axis.edges[best] - edge)) best = place; });
  return best;
}
