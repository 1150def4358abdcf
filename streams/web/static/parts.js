// Parts of the views of the wall. Each part keeps its elements and updates their contents, so that figures stay in place and keep
// the focus.

import { explained, explainedCell, giveStop, rove } from "./explaining.js";
import { mark, NORMAL } from "./levels.js";
import { Rows, explain, isCut, make, write } from "./page.js";

const LAST_FIT = 6; // as in views.css
const LINES_OF_TWO = 5.6; // rem: minimum row height for two lines

function build(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** Make the element of a state: a symbol, hidden from screen readers, and a word. */
function buildState(tag, className) {
  const symbol = build("span", "symbol");
  symbol.ariaHidden = "true";
  return build(tag, className, symbol, " ", build("span", "word"));
}

function showState(element, [symbol, ...words] = [""]) {
  write(element.querySelector(".symbol"), symbol);
  write(element.querySelector(".word"), words.filter(Boolean).join(" – "));
}

/** Make a figure with its name; a click opens its explanation. */
class Figure {
  constructor(tag, name, place) {
    this.name = build(name, "name");
    this.button = explained(() => this.item.about);
    this.box = build(tag, "entry", this.name, build(place, "figure", this.button));
  }

  show(item) {
    this.item = item;
    write(this.name, item.label);
    write(this.button, item.value);
    mark(this.box, item.level ?? NORMAL);
    this.box.classList.toggle("few", item.isOfFew ?? false);
  }
}

/** Cards, each with a name, a state, one large figure and some small ones. */
export class Cards {
  constructor() {
    this.box = build("div", "cards");
    this.rows = new Rows(this.box, (item) => this.make(item));
  }

  make({ rest }) {
    const name = build("h3", "");
    const main = new Figure("div", "p", "p");
    main.box.classList.add("main");
    const others = rest.map(() => new Figure("div", "dt", "dd"));
    const state = buildState("p", "level");
    const head = build("div", "head", name, state);
    const note = build("p", "note");
    const row = build("article", "card", head, main.box, note, build("dl", "rest", ...others.map(({ box }) => box)));
    return { row, name, main, others, state, note };
  }

  show({ items }) {
    this.box.dataset.number = items.length;
    const keyOf = ({ key, rest }) => `${key} ${rest.length}`;
    this.rows.show(items, keyOf, ({ row, name, main, others, state, note }, item) => {
      write(name, item.name);
      mark(row, item.level ?? NORMAL);
      main.show(item.main);
      showState(state, item.state);
      write(note, item.note ?? "");
      item.rest.forEach((figure, index) => others[index].show(figure));
    });
  }
}

/** A table whose rows have a name, a state if used, and figures or words. */
export class Table {
  constructor() {
    this.head = make("thead", "rowgroup");
    const body = make("tbody", "rowgroup");
    const table = make("table", "table");
    table.append(this.head, body);
    this.box = table;
    this.body = body;
    this.rows = new Rows(body, (item) => this.make(item));
    rove(body);
  }

  make(item) {
    const row = make("tr", "row");
    const entry = { row };
    const head = make("th", "rowheader");
    head.scope = "row";
    row.append(head);
    if (item.state) {
      entry.state = make("td", "cell", "state");
      entry.state.append(buildState("span", ""));
      row.append(entry.state);
    }
    entry.cells = item.cells.map(({ about, isWords }, index) => {
      const cell = make("td", "cell", isWords ? "words" : "number");
      cell.append(about ? explainedCell(() => entry.item.cells[index].about) : document.createElement("span"));
      row.append(cell);
      return cell;
    });
    return entry;
  }

  show({ columns, items, room }) {
    this.showHead(columns);
    // A row is made again if it gets more cells or fewer, such as those of a scale with its first answer.
    this.rows.show(items, ({ key, cells }) => `${cells.length} ${key}`, (entry, item) => {
      entry.item = item;
      write(entry.row.firstChild, item.name);
      mark(entry.row, item.level ?? NORMAL);
      if (entry.state) showState(entry.state, item.state);
      item.cells.forEach(({ value, level, isOfFew = false, title = "" }, index) => {
        const cell = entry.cells[index];
        cell.dataset.heading = columns[columns.length - item.cells.length + index].label;
        write(cell.firstChild, value);
        mark(cell, level ?? NORMAL);
        cell.classList.toggle("few", isOfFew);
        explain(cell, title);
      });
    });
    this.box.style.setProperty("--rows", items.length);
    this.box.style.setProperty("--room", room);
    this.box.toggleAttribute("data-high", room / items.length >= LINES_OF_TWO);
    this.fit();
    giveStop(this.body);
  }

  /** Set the largest text size in which all columns fit; again after each change of a text length or of the window. */
  fit() {
    const { box } = this;
    const lengths = [...box.querySelectorAll("th, td")].map((cell) => cell.textContent.length);
    const wanted = JSON.stringify([innerWidth, innerHeight, box.getAttribute("style"), ...lengths]);
    if (wanted === this.fitted || !box.checkVisibility()) return;
    this.fitted = wanted;
    for (let step = 0; step <= LAST_FIT; step += 1) {
      box.dataset.fit = step;
      if (!isCut(box.parentElement) && ![...box.querySelectorAll("tbody :is(th, .words, .state)")].some(isCut)) return;
    }
  }

  showHead(columns) {
    const wanted = JSON.stringify(columns);
    if (wanted === this.shown) return;
    this.shown = wanted;
    const row = make("tr", "row");
    for (const { label, isWords, isName } of columns) {
      const head = make("th", "columnheader", isWords || isName ? "" : "number");
      head.scope = "col";
      head.textContent = label;
      row.append(head);
    }
    this.head.replaceChildren(row);
  }
}

const percent = (part) => `${Math.round(1000 * part) / 10}%`;

/** Shares with their confidence intervals, as a drawing and in words. */
export class Bars {
  constructor() {
    this.box = build("ul", "bars");
    this.rows = new Rows(this.box, () => this.make());
  }

  make() {
    const name = build("span", "name");
    const [interval, point] = [build("span", "interval"), build("span", "point")];
    const bar = build("span", "bar", interval, point);
    bar.ariaHidden = "true";
    const entry = { name, interval, point, words: build("span", "words") };
    entry.button = explained(() => entry.item.about);
    entry.row = build("li", "", name, bar, build("span", "figure", entry.button), entry.words);
    return entry;
  }

  show({ items }) {
    this.rows.show(items, ({ key }) => key, (entry, item) => {
      entry.item = item;
      const { row, name, interval, point, words, button } = entry;
      write(name, item.name);
      write(button, item.value);
      write(words, item.words);
      row.classList.toggle("few", !item.interval);
      interval.hidden = point.hidden = !item.interval;
      if (!item.interval) return;
      const { lower, at, upper } = item.interval; // each from 0 to 1
      interval.style.left = percent(lower);
      interval.style.width = percent(upper - lower);
      point.style.left = percent(at);
    });
  }
}

/** A single line of text. */
export class Note {
  constructor() {
    this.box = build("p", "note");
  }

  show({ text }) {
    write(this.box, text);
  }
}

/** An existing element of the page, such as the chart. */
export class Moved {
  constructor({ id }) {
    this.box = document.getElementById(id);
    this.box.hidden = false;
  }

  show({ draw }) {
    draw();
  }
}

export const KINDS = { cards: Cards, table: Table, bars: Bars, note: Note, moved: Moved };
