// What all parts of the page share: its words, how it writes figures, its clock.

import { Format } from "./format.js";

export const texts = JSON.parse(document.getElementById("texts").textContent);
export const { version, timeZone } = document.body.dataset;
export const lang = document.documentElement.lang;
export const format = new Format(lang, timeZone);

export const $ = (id) => document.getElementById(id);
export const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
export const sayAt = (site, words) => say("at_site", { site, words: words.charAt(0).toLowerCase() + words.slice(1) });
export const nameOf = (thing) => thing[`label_${lang}`];
export const mapValues = (values, change) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
export const counts = (values) => mapValues(values, format.count);

export const QUEUED = ["call", "visit"]; // channels that have queues
export const WRITTEN = ["mail", "email", "form"];
export const isCall = ({ channel }) => channel === "call";

let clockAhead = 0; // of ours, the server's clock, in milliseconds

export const setClock = (serverNow) => {
  clockAhead = serverNow - Date.now();
};
export const now = () => Date.now() + clockAhead;

let history = {}; // channel → as of when its figures are, while its history is being read

export const setHistory = (told) => {
  history = told;
};

// Whether the figures, or those of one channel, are of now. Old ones alarm nobody, and how long those in them have waited since,
// nobody knows.
export const areCurrent = (channel = "") => ["live", "connecting"].includes(document.body.dataset.state) && !(channel in history);

/** Return for how many seconds something of a channel has lasted since `since`; null if nothing has, or nobody knows. */
export const lasted = (since, channel) => (since === null || !areCurrent(channel) ? null : Math.max(0, now() - since) / 1000);

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return whether a text does not find room in its box, and ends in dots. */
export const isCut = (box) => box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1;

export function explain(element, title) {
  if (element.title !== title) element.title = title;
}

/** Make an element of a table; its role is said again, since a table that is laid out as cards is none to some browsers. */
export function make(tag, role, className = "") {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  if (className) element.className = className;
  return element;
}

/** Give `row` its head: the name, and on a phone, where rows are folded, a button over it that unfolds the row. */
export function addHead(row) {
  const head = make("th", "rowheader");
  head.scope = "row";
  const fold = document.createElement("button");
  fold.className = "fold";
  fold.addEventListener("click", () => unfold(row, !row.classList.contains("open")));
  head.append(document.createElement("span"), fold);
  row.append(head);
  unfold(row, false);
}

/** Write the name of a row, as `addHead` has made it. */
export function nameRow(row, name) {
  const [label, fold] = row.firstChild.children;
  write(label, name);
  const about = say("details", { name });
  if (fold.ariaLabel !== about) fold.ariaLabel = about;
}

export function unfold(row, open) {
  row.classList.toggle("open", open);
  row.querySelector(".fold").ariaExpanded = open;
}

const chosen = new URLSearchParams(location.search).get("service"); // a link to the board may be about one service
let isSought = chosen !== null;

/** Mark `row` if it is about the service that the address names. */
export function point(row, service) {
  const current = chosen !== null && service === chosen ? "true" : null;
  if (row.ariaCurrent !== current) row.ariaCurrent = current;
}

/** Bring into sight what is marked, once; what is promised first, since links are about that. */
export function seek() {
  const find = (within) => document.querySelector(`${within} [aria-current]`);
  const row = isSought && (find("#deadlines-rows") ?? find("main"));
  if (!row) return;
  isSought = false;
  if (row.querySelector(".fold")) unfold(row, true);
  row.scrollIntoView({ block: "center" });
}

/** The rows of a table, kept in step with what they show. */
export class Rows {
  constructor(body, makeRow) {
    this.body = body;
    this.makeRow = makeRow;
    this.entries = new Map(); // key → { row, … }
  }

  /** Have one row per item, in their order: made when its key is new, and filled by `show(entry, item)`. */
  show(items, keyOf, show) {
    const keys = items.map(keyOf);
    for (const [key, { row }] of this.entries) {
      if (!keys.includes(key)) {
        row.remove();
        this.entries.delete(key);
      }
    }
    items.forEach((item, index) => {
      const key = keys[index];
      if (!this.entries.has(key)) this.entries.set(key, this.makeRow(item));
      const entry = this.entries.get(key);
      const there = this.body.children[index] ?? null;
      if (there !== entry.row) this.body.insertBefore(entry.row, there);
      show(entry, item);
    });
  }
}
