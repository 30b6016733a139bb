// Which columns the list has: those of the address, else as many as fit beside each other.

import { $, h, label } from "./dom.js";

const WORDS = { caption: "Caption", shape: "Width × height", stage_words: "Words of the stage" };
const USUAL = ["caption", "shape", "duration_s", "file_size"], ON_A_PHONE = ["duration_s"];
const NONE = "none"; // an address without the name has the usual ones
const narrow = matchMedia("(max-width: 800px)");

export const title = (column) => WORDS[column] ?? label(column);

export class Columns {
  constructor(state) {
    this.state = state;
    this.all = [];
    narrow.addEventListener("change", () => state.tell("set"));
    const box = $("columns");
    document.addEventListener("click", (event) => { if (!box.contains(event.target)) box.open = false; });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !box.open) return;
      event.stopPropagation();
      box.open = false;
      box.querySelector("summary").focus();
    });
  }

  // `numbers`: the columns of numbers that these tables have.
  build(numbers) {
    this.all = ["caption", "shape", ...numbers, "stage_words"];
    $("column-names").replaceChildren(...this.all.map((column) => h("label", {},
      h("input", { type: "checkbox", value: column, onchange: () => this.choose() }), title(column))));
    this.paint();
  }

  get shown() {
    const asked = this.state.get("columns"), wanted = asked ? asked.split(",") : narrow.matches ? ON_A_PHONE : USUAL;
    return this.all.filter((column) => wanted.includes(column));
  }

  choose() {
    const chosen = this.boxes().filter((box) => box.checked).map((box) => box.value);
    this.state.set({ columns: chosen.join(",") || NONE });
  }

  paint() {
    const { shown } = this;
    for (const box of this.boxes()) box.checked = shown.includes(box.value);
  }

  boxes() { return [...$("column-names").querySelectorAll("input")]; }
}
