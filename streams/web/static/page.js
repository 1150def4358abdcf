// Shared by all parts of the page: texts, formats, clock.

import { Format } from "./format.js";

export const texts = JSON.parse(document.getElementById("texts").textContent);
export const { version, timeZone } = document.body.dataset;
export const lang = document.documentElement.lang;
export const format = new Format(lang, timeZone);

export const $ = (id) => document.getElementById(id);
/** Return a text with the values of the names in braces. */
export const t = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
export const describeAt = (site, words) => t("at_site", { site, words: words.charAt(0).toLowerCase() + words.slice(1) });
export const nameOf = (thing) => thing[`label_${lang}`];
export const mapValues = (values, change) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
export const counts = (values) => mapValues(values, format.count);

export const QUEUED = ["call", "visit"]; // channels with queues
export const WRITTEN = ["mail", "email", "form"];
export const isCall = ({ channel }) => channel === "call";

let clockAhead = 0; // server clock minus local clock, in milliseconds

export const setClock = (serverNow) => {
  clockAhead = serverNow - Date.now();
};
export const now = () => Date.now() + clockAhead;

let history = {}; // channel → time up to which its history is read, while it is being read

export const setHistory = (value) => {
  history = value;
};

// Whether the figures, or those of one channel, are current. Others get no level, and their waits until now are unknown.
export const areCurrent = (channel = "") => ["live", "connecting"].includes(document.body.dataset.state) && !(channel in history);

/** Return the seconds since `since`; null without `since`, or if the figures of the channel are not current. */
export const lasted = (since, channel) => (since === null || !areCurrent(channel) ? null : Math.max(0, now() - since) / 1000);

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const isCut = (box) => box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1;

export function explain(element, title) {
  if (element.title !== title) element.title = title;
}

/** Make an element of a table, with an explicit role: some browsers drop it if CSS displays the table as cards. */
export function make(tag, role, className = "") {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  if (className) element.className = className;
  return element;
}

/** Add the heading cell of `row`: the name, and a button that unfolds the row on a phone. */
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

/** Set the name of a row in the cell made by `addHead`. */
export function nameRow(row, name) {
  const [label, fold] = row.firstChild.children;
  write(label, name);
  const about = t("details", { name });
  if (fold.ariaLabel !== about) fold.ariaLabel = about;
}

export function unfold(row, open) {
  row.classList.toggle("open", open);
  row.querySelector(".fold").ariaExpanded = open;
}

const chosen = new URLSearchParams(location.search).get("service"); // links to the board may name one service
let isSought = chosen !== null;

/** Mark `row` if it is of the service in the query string. */
export function point(row, service) {
  const current = chosen !== null && service === chosen ? "true" : null;
  if (row.ariaCurrent !== current) row.ariaCurrent = current;
}

/** Scroll to the marked row, once; SLA targets first, since links refer to them. */
export function seek() {
  const find = (within) => document.querySelector(`${within} [aria-current]`);
  const row = isSought && (find("#deadlines-rows") ?? find("main"));
  if (!row) return;
  isSought = false;
  if (row.querySelector(".fold")) unfold(row, true);
  row.scrollIntoView({ block: "center" });
}

/** Rows of a table, kept in step with a list of items. */
export class Rows {
  constructor(body, makeRow) {
    this.body = body;
    this.makeRow = makeRow;
    this.entries = new Map(); // key → { row, … }
  }

  /** Keep one row per item, in order: made for a new key, and filled by `show(entry, item)`. */
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
