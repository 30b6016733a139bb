// One clip: player, caption, numbers, the way it took, its neighbours.

import { ask, mediaUrl, pictureUrl } from "./api.js";
import { $, h, label, lit, toast, value, whole } from "./dom.js";
import { shot } from "./pictures.js";

const STATUS = { kept: "In the training CSV", dropped: "Not in the training CSV", waiting: "Waits for its source", pending: "Not through all stages yet" };

const USUAL_FPS = 25; // of clips whose rate is not known

export class Viewer {
  constructor({ state, marks, gallery, exclude, columns }) {
    Object.assign(this, { state, marks, gallery, exclude, columns, clip: null });
    this.dialog = $("viewer");
    this.dialog.addEventListener("close", () => this.closed());
    marks.listen(() => this.paintMark());
  }

  get isOpen() { return this.dialog.open; }

  openAt(place) {
    const clip = this.gallery().clips[place];
    if (clip) this.open(clip.clip_key);
  }

  async open(key) {
    if (!this.isOpen) { this.before = document.activeElement; this.dialog.showModal(); }
    if (this.state.get("clip") !== key) this.state.set({ clip: key }, { push: !this.state.get("clip"), quiet: true, over: true });
    this.key = key;
    this.clip = null;
    this.stop();
    // A busy server takes its time: until it answers, the name is there and everything can be left.
    if (!this.dialog.hasChildNodes()) this.dialog.replaceChildren(this.top({ clip_key: key }), h("div", { class: "state soon" }, h("p", {}, "Reading what is known of it")));
    let clip;
    try {
      clip = await ask("/api/clip", new URLSearchParams({ clip: key }), { kind: "clip" });
    } catch (error) {
      if (error.name === "AbortError") return;
      this.markButton = null;
      this.dialog.replaceChildren(this.top({ clip_key: key }), h("div", { class: "state" }, h("h2", {}, "This clip cannot be shown"), h("p", {}, error.message),
        h("button", { class: "ghost", onclick: () => this.close() }, "To the clips")));
      return;
    }
    if (!this.isOpen || this.key !== key) return;
    this.clip = clip;
    this.dialog.replaceChildren(this.top(clip), h("div", { class: "viewer-body" }, this.stage(clip), this.about(clip)));
    this.paintMark();
    this.dialog.querySelector(".stage").focus();
  }

  close() { this.dialog.close(); }

  closed() {
    this.stop();
    this.dialog.replaceChildren();
    if (this.state.get("clip")) this.leave();
    const place = this.gallery().clips.findIndex((clip) => clip.clip_key === this.key);
    (document.querySelector(`[data-place="${place}"]`) ?? this.before)?.focus?.();
    this.clip = null;
  }

  // The clip's own entry goes, else the Back button would seem to do nothing.
  leave() {
    if (this.state.isOver) history.back();
    else this.state.set({ clip: [] }, { quiet: true });
  }

  stop() {
    const video = this.dialog.querySelector("video");
    if (video) { video.pause(); video.removeAttribute("src"); video.load(); }
  }

  step(by) {
    const { clips } = this.gallery();
    const at = clips.findIndex((clip) => clip.clip_key === this.key);
    const next = clips[at < 0 ? 0 : at + by];
    if (!next) { toast(by > 0 ? "That was the last clip shown" : "That was the first clip"); return; }
    if (at + by > clips.length - 10) this.gallery().more();
    this.open(next.clip_key);
  }

  play() {
    const video = this.dialog.querySelector("video");
    if (video) (video.paused ? video.play().catch(() => {}) : video.pause());
  }

  // To the middle of the next frame: at its very edge some browsers show the one before.
  frame(by) {
    const video = this.dialog.querySelector("video");
    if (!video || !this.clip || !Number.isFinite(video.duration)) return;
    video.pause();
    const rate = this.clip.fps || USUAL_FPS, last = Math.max(0, Math.ceil(video.duration * rate - 1e-6) - 1);
    const next = Math.floor(video.currentTime * rate + 1e-6) + by;
    video.currentTime = (Math.min(Math.max(next, 0), last) + 0.5) / rate;
  }

  // Steps from frame to frame, out of the way while the clip plays.
  frames(video) {
    const time = h("span", { class: "num" });
    const told = () => { time.textContent = `${video.currentTime.toFixed(2)} s`; };
    // A click leaves the keys where they are: space plays.
    const button = (words, title, by) => h("button", { title, "aria-label": title, onmousedown: (event) => event.preventDefault(), onclick: () => this.frame(by) }, words);
    const box = h("div", { class: "frames", role: "group", "aria-label": "From frame to frame" }, button("−1", "Frame before (,)", -1), time, button("+1", "Next frame (.)", 1));
    for (const event of ["loadedmetadata", "timeupdate", "seeking"]) video.addEventListener(event, told);
    video.addEventListener("play", () => box.classList.add("away"));
    video.addEventListener("pause", () => box.classList.remove("away"));
    told();
    return box;
  }

  top(clip) {
    const button = (words, title, act, name = "ghost icon") => h("button", { class: name, title, "aria-label": title, onclick: act }, words);
    this.markButton = h("button", { class: "ghost", title: "Mark (x)", onclick: () => this.marks.toggle(clip.clip_key) }, "Mark");
    const isOut = clip.is_excluded;
    return h("div", { class: "viewer-top" },
      button("‹", "Clip before (left arrow)", () => this.step(-1)), button("›", "Next clip (right arrow)", () => this.step(1)),
      h("h2", { title: clip.clip_key, dir: "auto" }, clip.clip_key), clip.status ? this.markButton : null,
      clip.status === "kept" || clip.reason === "excluded" || isOut ? h("button", { class: "ghost", title: isOut ? "Take it out of exclude.csv" : "Leave it out of the next training CSV (e)", onclick: () => this.exclude([clip.clip_key], !isOut) }, isOut ? "Put back" : "Exclude") : null,
      button("×", "Close (Esc)", () => this.close()));
  }

  paintMark() {
    if (!this.markButton || !this.key) return;
    const is = this.marks.has(this.key);
    this.markButton.textContent = is ? "Marked ✓" : "Mark";
    this.markButton.setAttribute("aria-pressed", String(is));
  }

  stage(clip) {
    const stage = h("div", { class: "stage", tabindex: -1 });
    if (!clip.has_file) {
      stage.append(h("div", { class: "no-play" }, `There is no file to play: ${clip.detail || clip.reason}`));
      return stage;
    }
    const video = h("video", { src: mediaUrl(clip.clip_key), "aria-label": clip.clip_key, controls: true, playsinline: true, loop: true, preload: "metadata", poster: pictureUrl(clip.clip_key, "large") });
    video.addEventListener("error", () => this.poster(stage, clip), { once: true });
    // Sound alone plays too, where the browser lacks the codec of the pictures.
    video.addEventListener("loadedmetadata", () => { if (!video.videoWidth) this.poster(stage, clip); }, { once: true });
    stage.append(video, this.frames(video));
    return stage;
  }

  // What the browser does not play gets a picture, and the reason.
  async poster(stage, clip) {
    if (this.key !== clip.clip_key) return;
    const ending = clip.path.includes(".") ? clip.path.slice(clip.path.lastIndexOf(".")) : "";
    const codec = clip.video_codec ? `${clip.video_codec}${ending ? ` in ${ending}` : ""}` : ending || "this file";
    const why = clip.status === "kept" ? `Your browser does not play ${codec}. FFmpeg decodes it whole.` : `Your browser does not play it: ${clip.meaning || clip.reason || codec}`;
    const note = h("div", { class: "no-play" }, why);
    this.stop();
    stage.replaceChildren(note);
    const response = await fetch(pictureUrl(clip.clip_key, "large")).catch(() => null);
    if (response?.ok) { stage.prepend(h("img", { src: pictureUrl(clip.clip_key, "large"), alt: "A frame of the clip" })); return; }
    const words = response ? (await response.json().catch(() => ({}))).error : "";
    if (words) note.append(h("br"), words);
  }

  about(clip) {
    const reason = clip.reason ? `${clip.stage}: ${clip.reason}` : STATUS[clip.status];
    const numbers = [["Width × height", clip.width ? `${clip.width} × ${clip.height}` : ""], ...this.columns().map((column) => [label(column), value(column, clip[column])]),
      ["Codec", clip.video_codec ?? ""], ["Source", clip.source], ["Shard", clip.shard]].filter((pair) => pair[1] !== "");
    if (clip.file_size !== null) numbers.push(["Bytes", whole(clip.file_size)]);
    const note = clip.is_excluded && clip.status === "kept" ? h("p", {}, "On the exclusion list: the next run leaves it out.")
      : !clip.is_excluded && clip.reason === "excluded" ? h("p", {}, "No longer on the exclusion list: the next run brings it back.") : null;
    return h("div", { class: "about" },
      h("h3", {}, "Caption"), clip.text.trim() ? h("p", { class: "text", dir: "auto", tabindex: 0 }, lit(clip.text, this.state.get("words"))) : h("p", { class: "muted" }, "no caption"),
      h("h3", {}, "Status"), h("div", { class: `verdict ${clip.status}` }, h("strong", {}, reason), clip.meaning ? h("p", {}, clip.meaning) : null, note),
      h("h3", {}, "The way it took"), clip.trouble ? h("p", { class: "muted" }, clip.trouble) : null, h("ol", { class: "way" }, clip.steps.map(step)),
      h("h3", {}, "Numbers"), h("dl", { class: "facts-table" }, numbers.map(([name, told]) => [h("dt", {}, name), h("dd", {}, told)])),
      h("h3", {}, "File"), h("p", { class: "path" }, clip.path),
      clip.neighbours.length ? [h("h3", {}, "Beside it"), h("div", { class: "strip" }, clip.neighbours.map((each) => this.neighbour(each)))] : null);
  }

  neighbour(clip) {
    return h("button", { class: clip.status, title: `${clip.clip_key}${clip.reason ? `: ${clip.reason}` : ""}`, "aria-label": clip.clip_key, onclick: () => this.open(clip.clip_key) }, shot(clip));
  }
}

function step(told) {
  return h("li", { class: told.fate }, h("strong", {}, told.stage), ` ${told.fate}${told.reason ? `: ${told.reason}` : ""}`,
    told.detail ? h("pre", { dir: "auto", tabindex: 0 }, told.detail) : null);
}
