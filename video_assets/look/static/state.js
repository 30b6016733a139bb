// What is looked at, as the page's address: every state can be sent to somebody.

const FACETS = ["status", "stage", "reason", "source"];

export class State {
  constructor() {
    this.listeners = [];
    this.read();
    window.addEventListener("popstate", () => { this.read(); this.tell("back"); });
  }

  read() {
    this.params = new URLSearchParams(location.search);
  }

  get(name) { return this.params.get(name) ?? ""; }
  all(name) { return this.params.getAll(name); }
  has(name, value) { return this.params.getAll(name).includes(value); }
  range(name) {
    const [low, high] = (this.params.get(name) ?? "..").split("..");
    return [low === "" ? null : Number(low), high === undefined || high === "" ? null : Number(high)];
  }

  // The part of the address that chooses clips: what the server is asked for.
  query() {
    const query = new URLSearchParams(this.params);
    for (const name of ["clip", "view", "columns", "token"]) query.delete(name);
    return query;
  }
  filters() {
    const query = this.query();
    for (const name of ["sort", "seed"]) query.delete(name);
    return query;
  }

  // `over`: a new entry lies over the one before, which closing it shows again. It survives a reload.
  set(changes, { push = false, quiet = false, over = false } = {}) {
    for (const [name, value] of Object.entries(changes)) {
      this.params.delete(name);
      for (const each of [value].flat()) if (each !== "" && each !== null && each !== undefined) this.params.append(name, each);
    }
    const text = this.params.toString();
    history[push ? "pushState" : "replaceState"](push ? { over } : history.state, "", text ? `?${text}` : location.pathname);
    if (!quiet) this.tell("set");
  }
  get isOver() { return Boolean(history.state?.over); }
  toggle(name, value, others = {}) {
    const is = this.has(name, value);
    this.set({ ...others, [name]: is ? [] : [value] }, { push: true });
  }
  clear() {
    const names = [...new Set(this.params.keys())].filter((name) => !["view", "columns", "sort"].includes(name));
    this.set(Object.fromEntries(names.map((name) => [name, []])), { push: true });
  }
  chips(columns) {
    const found = FACETS.flatMap((name) => this.all(name).map((value) => [name, value]));
    if (this.get("words")) found.push(["words", this.get("words")]);
    if (this.get("key")) found.push(["key", this.get("key")]);
    for (const column of columns) if (this.params.has(column)) found.push([column, this.get(column)]);
    if (this.params.has("seed")) found.push(["seed", this.get("seed")]);
    return found;
  }

  listen(listener) { this.listeners.push(listener); }
  tell(how) { for (const listener of this.listeners) listener(how); }
}
