// Puts the page together: state to questions, answers to the screen, keys to actions.

import { ask, tell } from "./api.js";
import { Columns } from "./columns.js";
import { $, h, label, toast, value, whole } from "./dom.js";
import { Facets, closeFilters } from "./facets.js";
import { Gallery } from "./gallery.js";
import { State } from "./state.js";
import { Viewer } from "./viewer.js";

const LOOK_AGAIN_MS = 10_000, SOON_MS = 600, LATER_MS = 5_000, TYPING_MS = 250, MAX_MARKS = 10_000;
const SIGNS = { words: "caption", key: "name", seed: "random" };

class Marks {
  constructor() { this.keys = new Set(); this.listeners = []; this.last = ""; }
  open(name) {
    this.name = `video_assets marks ${name}`;
    try { this.keys = new Set(JSON.parse(localStorage.getItem(this.name) ?? "[]")); } catch { this.keys = new Set(); }
    this.tell();
  }
  has(key) { return this.keys.has(key); }
  toggle(key) {
    if (this.keys.has(key)) this.keys.delete(key);
    else if (this.keys.size < MAX_MARKS) this.keys.add(key);
    else { this.full(); return; }
    this.last = key;
    this.tell();
  }
  // Those of `keys` from the one that was last marked to this one.
  upTo(key, keys) {
    const [from, to] = [keys.indexOf(this.last), keys.indexOf(key)].sort((one, other) => one - other);
    if (from < 0) { this.toggle(key); return; }
    const fresh = keys.slice(from, to + 1).filter((each) => !this.keys.has(each));
    if (this.keys.size + fresh.length > MAX_MARKS) { this.full(); return; }
    for (const each of fresh) this.keys.add(each);
    this.last = key;
    this.tell();
  }
  full() { toast(`${whole(MAX_MARKS)} clips can be marked: download or exclude those that are, then clear them`); }
  clear() { this.keys.clear(); this.tell(); }
  listen(listener) { this.listeners.push(listener); }
  tell() {
    try { localStorage.setItem(this.name, JSON.stringify([...this.keys])); } catch { /* full or forbidden: marks live as long as the page */ }
    for (const listener of this.listeners) listener();
  }
}

const state = new State(), marks = new Marks(), facets = new Facets(state), columns = new Columns(state);
const gallery = new Gallery({ state, marks, complain, open: (place) => viewer.openAt(place) });
const viewer = new Viewer({ state, marks, gallery: () => gallery, exclude, columns: () => known.tables?.columns ?? [] });
let known = {}, shown = "", total = null, soon = SOON_MS, refused = "";

async function look() {
  let after = LOOK_AGAIN_MS;
  try {
    const before = known.tables?.stamp;
    known = await ask("/api/state");
    if (marks.name === undefined) marks.open(known.data_root);
    $("root").textContent = known.data_root.split("/").slice(-2).join("/");
    $("root").title = known.data_root;
    document.title = `Clips · ${known.data_root.split("/").pop()}`;
    announce();
    if (known.is_reading || known.are_words_coming) after = soon = Math.min(LATER_MS, soon * 1.2);
    else soon = SOON_MS;
    if (!known.tables) empty();
    else if (known.tables.stamp !== before) {
      if (before) toast("The tables have changed: this is their newest state");
      sorts();
      facets.build(known.tables);
      columns.build(known.tables.columns);
      shown = "";
      refresh();
    } else if (!shown) refresh();
    document.body.classList.toggle("nothing", !known.tables);
  } catch (error) {
    banner(error.message);
    after = 3000;
  }
  setTimeout(look, after);
}

function empty() {
  const root = known.data_root;
  const box = known.is_reading ? [h("h2", {}, "Reading the tables"), h("p", {}, "This takes a few seconds for a million clips.")]
    : known.trouble ? [h("h2", {}, "The tables cannot be read"), h("p", {}, known.trouble), h("p", {}, "This page looks again by itself.")]
    : [h("h2", {}, "Nothing is listed yet"), h("p", {}, "Clips appear here as soon as a source has been listed:"), h("code", {}, `video-assets run --clips FOLDER --data-root ${root}`)];
  $("count").textContent = "";
  $("clips").replaceChildren(h("div", { class: "state" }, box));
}

function announce() { banner(refused || known.trouble || known.exclusion_trouble || (state.get("words") && known.why_no_words)); }

function banner(words) {
  const box = $("banner");
  box.hidden = !words;
  box.textContent = words ?? "";
}

function refresh() {
  if (!known.tables) return;
  facets.mark();
  chips();
  paintTools();
  const query = `${state.query()}&${state.get("view") && [state.get("view"), ...columns.shown]}`;
  if (query === shown) return;
  shown = query;
  refused = "";
  announce();
  $("download").href = `/api/list.csv?${state.filters()}`;
  total = null;
  count();
  gallery.load(columns.shown).catch(complain);
  ask("/api/facets", state.filters(), { kind: "facets" }).then((answer) => { total = answer.total; facets.show(answer); count(); }).catch(complain);
}

function complain(error) {
  if (error.name === "AbortError") return;
  if (error.status >= 400 && error.status < 500) refused = error.message; // the same question gets the same answer
  else shown = ""; // asked again when the server is back
  banner(error.message);
  const isSoon = known.are_words_coming && state.get("words");
  if (!gallery.clips.length && !isSoon) $("clips").replaceChildren(h("div", { class: "state" }, h("h2", {}, "No answer"), h("p", {}, error.message), h("button", { class: "ghost", onclick: () => { shown = ""; refresh(); } }, "Try again")));
}

function count() {
  const all = known.tables.clips;
  const parts = total === null ? ["…"] : total === all ? [`${whole(all)} ${all === 1 ? "clip" : "clips"}`] : [whole(total), h("small", {}, ` of ${whole(all)} clips`)];
  $("count").replaceChildren(...parts);
}

function chips() {
  const found = state.chips(known.tables.columns).map(([name, text]) => {
    const told = known.tables.columns.includes(name) ? `${label(name)}: ${ranged(name)}` : SIGNS[name] ? `${SIGNS[name]}: ${text}` : text;
    return h("button", { class: "chip", title: "Take this filter away", onclick: () => state.set({ [name]: state.all(name).filter((each) => each !== text) }, { push: true }) }, h("span", {}, told));
  });
  const reason = state.get("reason"), meaning = known.tables.meanings[reason];
  $("chips").replaceChildren(...found);
  document.querySelector(".meaning")?.remove();
  if (meaning) document.querySelector(".bar").append(h("p", { class: "meaning" }, `${reason}: ${meaning}`));
}

function ranged(name) {
  const [low, high] = state.range(name);
  return low === null ? `up to ${value(name, high)}` : high === null ? `from ${value(name, low)}` : `${value(name, low)} – ${value(name, high)}`;
}

function sorts() {
  const options = [["", "Sort: name"], ...known.tables.columns.flatMap((column) => [[`-${column}`, `${label(column)} ↓`], [column, `${label(column)} ↑`]]), ["random", "Random"]];
  $("sort").replaceChildren(...options.map(([name, words]) => h("option", { value: name }, words)));
}

function paintTools() {
  $("sort").value = state.get("seed") ? "random" : state.get("sort");
  if (document.activeElement !== $("words")) $("words").value = state.get("words");
  const isList = state.get("view") === "list";
  $("view-grid").setAttribute("aria-pressed", String(!isList));
  $("view-list").setAttribute("aria-pressed", String(isList));
  document.querySelector(".zoom").hidden = isList;
  $("columns").hidden = !isList;
  columns.paint();
}

const sample = () => state.set({ seed: String(Math.floor(Math.random() * 1e6)), sort: [] }, { push: true });

function paintMarks() {
  const box = $("marks"), keys = [...marks.keys];
  box.hidden = !keys.length;
  if (!keys.length) return;
  const why = known.can_edit ? "Leave them out of the next training CSV" : "This page only shows. Start it with --edit to change the exclusion list";
  box.replaceChildren(h("strong", {}, `${whole(keys.length)} marked`),
    h("button", { class: "ghost", onclick: () => save(keys) }, "Download list"),
    h("button", { class: "primary", title: why, onclick: () => exclude(keys, true) }, "Exclude…"),
    h("button", { class: "ghost", onclick: () => exclude(keys, false) }, "Put back"),
    h("button", { class: "ghost", onclick: () => marks.clear() }, "Clear"));
}

function save(keys) {
  const cell = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const url = URL.createObjectURL(new Blob([["clip_key", ...keys.map(cell)].join("\n") + "\n"], { type: "text/csv" }));
  h("a", { href: url, download: "marked-clips.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function exclude(keys, isExcluded) {
  const clips = keys.length === 1 ? "this clip" : `${whole(keys.length)} clips`;
  const box = $("dialog");
  const end = (...buttons) => h("div", { class: "end" }, h("button", { class: "ghost", type: "button", onclick: () => box.close() }, known.can_edit ? "Cancel" : "Close"), buttons);
  if (!known.can_edit) {
    box.replaceChildren(h("h2", {}, "This page only shows"), h("p", {}, "To change the exclusion list, start it with"), h("p", {}, h("span", { class: "code" }, `video-assets look --edit --data-root ${known.data_root}`)),
      h("p", {}, "or put rows into exclude.csv in the data root: clip_key,why,when"), end());
    box.showModal();
    return;
  }
  const why = h("input", { type: "text", maxlength: 500, placeholder: "watermark; Ada", "aria-label": "Why, or who wants it" });
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); send(keys, isExcluded, why.value); } },
    h("h2", {}, isExcluded ? `Exclude ${clips}?` : `Put ${clips} back?`), keys.length === 1 ? h("p", { class: "which", dir: "auto" }, keys[0]) : null,
    h("p", {}, isExcluded ? `The next run leaves ${keys.length === 1 ? "it" : "them"} out of the training CSV. Files and tables stay, and this can be undone at any time.` : "The row in exclude.csv goes; the next run decides anew."),
    isExcluded ? why : null, end(h("button", { class: "primary", type: "submit" }, isExcluded ? "Exclude" : "Put back")));
  box.replaceChildren(form);
  box.showModal();
}

async function send(keys, isExcluded, why) {
  try {
    await tell("/api/exclude", { keys, why, is_excluded: isExcluded });
    const gone = new Set(keys);
    for (const clip of gallery.clips) if (gone.has(clip.clip_key)) clip.is_excluded = isExcluded;
    marks.clear();
    gallery.draw();
    if (viewer.isOpen) viewer.open(viewer.key);
    toast(isExcluded ? `Excluded from the next run on: ${whole(keys.length)}` : `Put back from the next run on: ${whole(keys.length)}`);
  } catch (error) {
    toast(error.message);
  } finally {
    $("dialog").close();
  }
}

function help() {
  const box = $("dialog"), key = (...names) => h("dt", {}, names.flatMap((name) => [h("kbd", {}, name), " "]));
  const rows = [[["←", "→", "↑", "↓"], "From clip to clip"], [["Enter"], "Open a clip"], [["Space"], "Open; in the player: play, pause"], [[",", "."], "In the player: a frame back, a frame on"], [["x"], "Mark or unmark"], [["Shift", "x"], "Mark all from the last one to this; a click with Shift does too"], [["e"], "Exclude, or put back"],
    [["/"], "Words of a caption"], [["r"], "A new random sample"], [["v"], "Grid or list"], [["+", "−"], "Larger or smaller pictures"], [["Esc"], "Close"], [["?"], "This help"]];
  box.replaceChildren(h("h2", {}, "Keyboard"), h("dl", { class: "keys" }, rows.map(([names, words]) => [key(...names), h("dd", {}, words)])),
    h("div", { class: "end" }, h("button", { class: "ghost", onclick: () => box.close() }, "Close")));
  box.showModal();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  const into = event.target;
  if (into.matches?.("input, select, textarea")) {
    if (event.key === "Escape") into.blur();
    return;
  }
  const act = (viewer.isOpen ? inViewer : inGallery)(event, into);
  if (act) { event.preventDefault(); act(); }
}

function inViewer(event, into) {
  const onVideo = into.matches?.("video"), onButton = into.matches?.("button");
  return {
    ArrowRight: () => viewer.step(1), ArrowLeft: () => viewer.step(-1), x: () => marks.toggle(viewer.key),
    ",": () => viewer.frame(-1), ".": () => viewer.frame(1), e: () => viewer.clip && exclude([viewer.key], !viewer.clip.is_excluded), "?": help, ...(onVideo || onButton ? {} : { " ": () => viewer.play() }),
  }[event.key];
}

function inGallery(event, into) {
  const item = into.closest?.("[data-place]");
  const common = { "/": () => $("words").focus(), "?": help, r: sample, "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), v: () => state.set({ view: state.get("view") === "list" ? [] : "list" }, { push: true }) };
  const arrows = Object.fromEntries(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"].map((key) => [key, () => gallery.move(key)]));
  if (!item) return into === document.body || into.id === "clips" ? { ...common, ...arrows }[event.key] : common[event.key];
  const { clip } = item, open = () => viewer.openAt(Number(item.dataset.place));
  return { ...common, ...arrows, Enter: open, " ": open, x: () => marks.toggle(clip.clip_key), X: () => gallery.markUpTo(clip), e: () => exclude([clip.clip_key], !clip.is_excluded) }[event.key];
}

const ZOOM = "video_assets zoom";
function zoom(by) {
  const input = $("zoom");
  input.value = Number(input.value) + by;
  gallery.scale(Number(input.value));
  try { localStorage.setItem(ZOOM, input.value); } catch { /* forbidden: the size lives as long as the page */ }
}
try { $("zoom").value = localStorage.getItem(ZOOM) ?? $("zoom").value; } catch { /* forbidden */ }

let typing;
$("words").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => state.set({ words: $("words").value.trim() }), TYPING_MS); });
$("search").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); state.set({ words: $("words").value.trim() }, { push: true }); });
$("sort").addEventListener("change", (event) => { const { value: chosen } = event.target; if (chosen === "random") sample(); else state.set({ sort: chosen, seed: [] }, { push: true }); });
$("view-grid").addEventListener("click", () => state.set({ view: [] }, { push: true }));
$("view-list").addEventListener("click", () => state.set({ view: "list" }, { push: true }));
$("random").addEventListener("click", sample);
$("zoom").addEventListener("input", () => zoom(0));
$("help").addEventListener("click", help);
$("open-filters").addEventListener("click", () => { document.body.classList.add("filtering"); $("open-filters").setAttribute("aria-expanded", "true"); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeFilters(); });
document.addEventListener("keydown", pressed);
marks.listen(paintMarks);
state.listen((how) => {
  refresh();
  if (how !== "back") return;
  const key = state.get("clip");
  if (key && key !== viewer.key) viewer.open(key);
  else if (!key && viewer.isOpen) viewer.close();
});
zoom(0);
gallery.wait();
look();
if (state.get("clip")) viewer.open(state.get("clip"));
