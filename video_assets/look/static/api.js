// Questions to the server. A newer question of a kind makes an older one void.

export class Trouble extends Error {
  constructor(words, status) { super(words); this.status = status; }
}

const running = new Map();

export async function ask(path, query = new URLSearchParams(), { kind = "" } = {}) {
  const control = new AbortController();
  if (kind) {
    running.get(kind)?.abort();
    running.set(kind, control);
  }
  const text = query.toString();
  return read(await reach(`${path}${text ? `?${text}` : ""}`, { signal: control.signal }));
}

export async function tell(path, body) {
  const headers = { "content-type": "application/json" };
  return read(await reach(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server does not answer. Is it still running? Start it again with: video-assets look", 0);
  }
}

async function read(response) {
  const text = await response.text();
  let answer;
  try { answer = JSON.parse(text); } catch { answer = { error: text.slice(0, 500) }; }
  if (!response.ok) throw new Trouble(answer.error ?? response.statusText, response.status);
  return answer;
}

const address = (path, key, more = {}) => `${path}?${new URLSearchParams({ clip: key, ...more })}`;
export const mediaUrl = (key) => address("/media", key);
export const pictureUrl = (key, size = "small") => address("/thumbnail", key, { size });
