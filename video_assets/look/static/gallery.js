// The clips that fit: as cards or as a list, a page at a time while somebody scrolls.

import { ask, mediaUrl } from "./api.js";
import { title } from "./columns.js";
import { $, h, lit, size, value } from "./dom.js";
import { shot } from "./pictures.js";

const PAGE = 60, AHEAD_PX = 800;
const WIDTHS = [132, 216, 300, 420, 600], COLUMNS_OF_A_PHONE = [3, 2, 1, 1, 1];
const HOVER_MS = 400;
const WORDY = ["caption", "shape", "stage_words"]; // of these there is no order
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Gallery {
  constructor({ state, marks, open, complain }) {
    Object.assign(this, { state, marks, open, complain, clips: [], isDone: true, isBusy: false });
    this.box = $("clips");
    new IntersectionObserver((entries) => { if (entries[0].isIntersecting) this.fill(); }, { rootMargin: `${AHEAD_PX}px` }).observe($("more"));
    marks.listen(() => this.paintMarks());
  }

  get isList() { return this.state.get("view") === "list"; }

  wait() {
    if (!this.clips.length) this.box.replaceChildren(h("div", { class: "grid skeleton", "aria-hidden": "true" }, Array.from({ length: 12 }, () => h("div", { class: "card" }, h("div", { class: "shot" }), h("div", { class: "caption" })))));
    this.box.setAttribute("aria-busy", "true");
  }

  async load(columns) {
    this.columns = columns;
    this.wait();
    const found = await this.page(0);
    this.clips = found;
    this.isDone = found.length < PAGE;
    this.draw();
    this.box.setAttribute("aria-busy", "false");
    this.fill();
  }

  // As many as the window shows and some more: a large screen takes more than one page.
  async fill() {
    const { clips } = this;
    while (clips === this.clips && !this.isDone && !this.isBusy && $("more").getBoundingClientRect().top < innerHeight + AHEAD_PX) await this.more();
  }

  async page(offset) {
    const query = this.state.query();
    query.set("offset", offset);
    query.set("limit", PAGE);
    return (await ask("/api/clips", query, { kind: "clips" })).clips;
  }

  async more() {
    if (this.isDone || this.isBusy) return;
    this.isBusy = true;
    try {
      const found = await this.page(this.clips.length);
      this.isDone = found.length < PAGE;
      const start = this.clips.length;
      this.clips.push(...found);
      (this.isList ? this.body : this.grid)?.append(...found.map((clip, place) => this.item(clip, start + place)));
    } catch (error) {
      if (error.name !== "AbortError") this.complain(error);
      this.isDone = true; // asked again with the next question
    } finally {
      this.isBusy = false;
    }
  }

  draw() {
    this.drawn = this.size;
    if (!this.clips.length) { this.box.replaceChildren(this.nothing()); return; }
    if (this.isList) {
      this.body = h("tbody");
      this.box.replaceChildren(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "List of clips" }, h("table", {}, this.head(), this.body)));
    } else {
      this.grid = h("div", { class: "grid" });
      this.box.replaceChildren(this.grid);
    }
    (this.isList ? this.body : this.grid).append(...this.clips.map((clip, place) => this.item(clip, place)));
  }

  nothing() {
    return h("div", { class: "state" }, h("h2", {}, "No clip fits"), h("p", {}, "No clip of this data root has all of that. Take a filter away."),
      h("button", { class: "ghost", onclick: () => this.state.clear() }, "Clear all filters"));
  }

  item(clip, place) {
    const item = this.isList ? this.line(clip) : this.card(clip);
    item.dataset.place = place;
    item.clip = clip;
    item.classList.toggle("marked", this.marks.has(clip.clip_key));
    item.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // else text is selected
    item.addEventListener("click", (event) => { if (event.shiftKey) this.markUpTo(clip); else this.open(place); });
    return item;
  }

  // How wide a card is at least: a step of `WIDTHS`.
  scale(step) {
    this.size = WIDTHS[step] > 300 ? "large" : "small";
    this.box.style.setProperty("--card", `${WIDTHS[step]}px`);
    this.box.style.setProperty("--across", COLUMNS_OF_A_PHONE[step]);
    if (this.drawn && this.drawn !== this.size && !this.isList) this.draw();
    this.fill();
  }

  markUpTo(clip) { this.marks.upTo(clip.clip_key, this.clips.map((each) => each.clip_key)); }

  tick(clip) {
    return h("button", { class: "tick", tabindex: -1, "aria-label": `Mark ${clip.clip_key}`, title: "Mark (x); with Shift: all from the last one on",
      onclick: (event) => { event.stopPropagation(); if (event.shiftKey) this.markUpTo(clip); else this.marks.toggle(clip.clip_key); } });
  }

  card(clip) {
    const picture = shot(clip, { size: this.size });
    picture.append(this.tick(clip));
    const words = clip.text.trim() ? h("p", { class: "caption", dir: "auto" }, lit(clip.text, this.state.get("words"))) : h("p", { class: "caption empty" }, "no caption");
    const card = h("article", { class: `card${clip.is_excluded ? " ghosted" : ""}`, tabindex: 0, "aria-label": `${clip.clip_key}, ${clip.reason || clip.status}` },
      picture, words, h("div", { class: "facts" }, tags(clip), h("span", {}, facts(clip))));
    if (clip.has_file && !calm.matches) this.preview(card, picture, clip);
    return card;
  }

  // A clip that somebody points at plays, without sound.
  preview(card, picture, clip) {
    let soon, video;
    card.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "mouse") return;
      soon = setTimeout(() => {
        video = h("video", { src: mediaUrl(clip.clip_key), muted: true, loop: true, playsinline: true, preload: "auto", tabindex: -1, "aria-hidden": "true" });
        video.muted = true;
        video.addEventListener("error", () => video.remove());
        video.play().then(() => picture.querySelector("img")?.after(video) ?? picture.prepend(video)).catch(() => video.remove());
      }, HOVER_MS);
    });
    card.addEventListener("pointerleave", () => {
      clearTimeout(soon);
      if (video) { video.pause(); video.removeAttribute("src"); video.load(); video.remove(); video = undefined; }
    });
  }

  head() {
    const sortable = (column) => {
      if (WORDY.includes(column)) return h("th", { scope: "col" }, title(column));
      const [now, other] = [this.state.get("sort"), this.state.get("sort") === `-${column}` ? column : `-${column}`];
      const arrow = now === column ? " ↑" : now === `-${column}` ? " ↓" : "";
      return h("th", { class: "n", scope: "col", "aria-sort": arrow ? (now.startsWith("-") ? "descending" : "ascending") : null },
        h("button", { onclick: () => this.state.set({ sort: other, seed: [] }, { push: true }) }, title(column) + arrow));
    };
    const hidden = ["Mark", "Picture"].map((name) => h("th", { scope: "col" }, h("span", { class: "sr" }, name)));
    const names = ["Clip", "Status"].map((name) => h("th", { scope: "col" }, name));
    return h("thead", {}, h("tr", {}, hidden, names, this.columns.map(sortable)));
  }

  line(clip) {
    return h("tr", { tabindex: 0 }, h("td", {}, this.tick(clip)), h("td", {}, shot(clip, { hasTime: false })),
      h("td", { class: "key", title: clip.clip_key }, nameOf(clip)), h("td", {}, tags(clip, { isAlways: true })), this.columns.map((column) => this.cell(clip, column)));
  }

  cell(clip, column) {
    if (column === "caption") return h("td", { class: "text", dir: "auto", title: clip.text }, lit(clip.text, this.state.get("words")));
    if (column === "stage_words") return h("td", { class: "text", title: clip.detail }, clip.detail);
    return h("td", { class: "n" }, column === "shape" ? (clip.width ? `${clip.width} × ${clip.height}` : "") : value(column, clip[column]));
  }

  items() { return [...this.box.querySelectorAll("[data-place]")]; }

  paintMarks() {
    for (const item of this.items()) item.classList.toggle("marked", this.marks.has(item.clip.clip_key));
  }

  // Arrows go from clip to clip, also into the next row.
  move(key) {
    const items = this.items();
    if (!items.length) return;
    const at = items.indexOf(document.activeElement?.closest?.("[data-place]"));
    const across = this.isList ? 1 : Math.max(1, items.filter((item) => item.offsetTop === items[0].offsetTop).length);
    const steps = { ArrowRight: this.isList ? 0 : 1, ArrowLeft: this.isList ? 0 : -1, ArrowDown: across, ArrowUp: -across };
    const to = at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + steps[key]));
    items[to].focus();
    items[to].scrollIntoView({ block: "nearest" });
  }
}

export function tags(clip, { isAlways = false } = {}) {
  const found = [];
  if (clip.is_excluded && clip.reason !== "excluded") found.push(h("span", { class: "tag excluded" }, "excluded"));
  if (clip.status !== "kept") found.push(h("span", { class: `tag ${clip.status}` }, clip.reason || (clip.status === "pending" ? "not through yet" : clip.status)));
  else if (isAlways) found.push(h("span", { class: "tag kept" }, "kept"));
  return found;
}

function facts(clip) {
  const told = [clip.width ? `${clip.width} × ${clip.height}` : "", clip.fps ? `${Math.round(clip.fps * 100) / 100} fps` : "", clip.file_size === null ? "" : size(clip.file_size)];
  return told.filter(Boolean).join(" · ");
}

function nameOf(clip) {
  const end = clip.clip_key.lastIndexOf("/") + 1;
  return h("div", {}, h("span", { class: "folders" }, clip.clip_key.slice(0, end)), h("span", {}, clip.clip_key.slice(end)));
}
