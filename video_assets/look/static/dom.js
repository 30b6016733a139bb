// Elements, numbers in words. Whatever comes from the tables is a stranger's text: it becomes a text node, never markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export const $ = (id) => document.getElementById(id);
export const whole = (number) => Number(number).toLocaleString("en-US");

export function size(bytes) {
  const units = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"]];
  for (const [factor, unit] of units) if (bytes >= factor) return `${round(bytes / factor)} ${unit}`;
  return `${round(bytes)} B`;
}

export function seconds(value) {
  if (value < 60) return `${round(value)} s`;
  const rest = Math.round(value);
  const hours = Math.floor(rest / 3600), minutes = Math.floor(rest / 60) % 60;
  return `${hours ? `${hours}:` : ""}${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(rest % 60).padStart(2, "0")}`;
}

export function round(value) {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return whole(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

export function pixels(value) {
  return value >= 1e6 ? `${round(value / 1e6)} MP` : value >= 1e3 ? `${round(value / 1e3)} kP` : round(value);
}

const NAMES = {
  duration_s: "Duration", file_size: "File size", num_frames: "Frames", resolution: "Pixels", fps: "Frame rate", aspect_ratio: "Height / width",
};
export const label = (column) => NAMES[column] ?? column.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

export function value(column, number) {
  if (number === null || number === undefined) return "";
  if (column === "file_size") return size(number);
  if (column === "duration_s") return seconds(number);
  if (column === "resolution") return pixels(number);
  if (column === "fps") return `${Math.round(number * 100) / 100} fps`;
  return round(number);
}

// A text in which the words that were asked for stand out. One letter alone is a whole word, as the server has it.
export function lit(text, words) {
  const asked = words.split(/\s+/).filter(Boolean).map((word) => {
    const plain = word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    return /^[\p{L}\p{N}]$/u.test(word) && word < "\u2e80" ? `(?<![\\p{L}\\p{N}\\p{M}])${plain}(?![\\p{L}\\p{N}\\p{M}])` : plain;
  });
  if (!asked.length) return [text];
  return text.split(new RegExp(`(${asked.join("|")})`, "giu")).map((part, place) => (place % 2 ? h("mark", {}, part) : part));
}

let away;
export function toast(words) {
  const box = $("toast");
  box.textContent = words;
  box.hidden = false;
  clearTimeout(away);
  away = setTimeout(() => { box.hidden = true; }, 4000);
}
