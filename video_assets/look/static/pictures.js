// Thumbnails, few at a time: a browser has six connections, and pictures of broken clips can take their time.

import { pictureUrl } from "./api.js";
import { h, seconds } from "./dom.js";

const MAX = 4;
const waiting = [];
let busy = 0;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      waiting.push(entry.target);
    }
  }
  next();
}, { rootMargin: "300px" });

function next() {
  while (busy < MAX && waiting.length) {
    const shot = waiting.shift();
    if (!shot.isConnected) continue;
    busy += 1;
    load(shot).finally(() => { busy -= 1; next(); });
  }
}

async function load(shot) {
  try {
    const response = await fetch(shot.picture);
    if (!response.ok) {
      const words = (await response.json().catch(() => ({}))).error ?? "no picture";
      shot.querySelector(".blank").textContent = words;
      return;
    }
    await response.arrayBuffer(); // now in the browser's cache
    const image = h("img", { src: shot.picture, alt: "", decoding: "async" });
    image.addEventListener("load", () => image.classList.add("there"));
    shot.querySelector(".blank").textContent = "";
    shot.prepend(image);
  } catch {
    shot.querySelector(".blank").textContent = "the server does not answer";
  }
}

export function shot(clip, { hasTime = true, size = "small" } = {}) {
  const words = clip.has_file ? "" : clip.reason ? `no file: ${clip.reason}` : "no file";
  const box = h("div", { class: "shot" }, h("span", { class: "blank" }, words));
  if (hasTime && clip.duration_s !== null) box.append(h("span", { class: "time" }, seconds(clip.duration_s)));
  if (clip.has_file) {
    box.picture = pictureUrl(clip.clip_key, size);
    watcher.observe(box);
  }
  return box;
}
