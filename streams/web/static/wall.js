// The wall: one view after the other, legible from afar, with the alerts above it.

import { findAlerts, describeAlert, updateAlerts } from "./alerts.js";
import { closePanel, isPanelOpen } from "./explaining.js";
import { ATTENTION, NAMES, SYMBOLS, mark } from "./levels.js";
import { board, run, showFreshness } from "./live.js";
import { setOpenings } from "./openings.js";
import { $, Rows, counts, explain, format, isCut, now, t, texts, write } from "./page.js";
import { KINDS } from "./parts.js";
import { VIEWS } from "./views.js";

/** Rotation of the pages of the wall. Users pause it, or turn pages, by key or click. */
class Rotation {
  constructor(seconds, onTurn) {
    this.seconds = seconds;
    this.onTurn = onTurn;
    this.pages = []; // keys of the pages, in order
    this.index = 0;
    this.elapsed = 0; // seconds that the current page has been shown
    this.isPaused = false;
  }

  get key() {
    return this.pages[this.index];
  }

  /** Set the current list of pages; the page shown stays, or the next one takes its place. */
  take(keys) {
    const next = keys.includes(this.key) ? keys.indexOf(this.key) : Math.min(this.index, Math.max(0, keys.length - 1));
    const isOther = keys[next] !== this.key;
    this.pages = keys;
    this.index = next;
    if (isOther) this.elapsed = 0;
  }

  /** Add elapsed time; pages do not turn while paused or held (`isHeld`), as by an open panel. */
  pass(seconds, isHeld) {
    if (this.isPaused || isHeld || this.pages.length < 2) return;
    this.elapsed += seconds;
    if (this.elapsed >= this.seconds) this.turn(1);
  }

  turn(by) {
    if (!this.pages.length) return;
    this.index = (this.index + by + this.pages.length) % this.pages.length;
    this.elapsed = 0;
    this.onTurn();
  }

  /** Return the elapsed share of the time of this page, from 0 to 1. */
  get part() {
    return this.pages.length < 2 ? 0 : Math.min(1, this.elapsed / this.seconds);
  }
}

const LEAST_SECONDS = 5;
const STEP_MS = 250;
const MOST_ALERTS = 6; // limit: two lines of three
const asked = new URLSearchParams(location.search);
const { views, seconds } = document.body.dataset;
const known = (name) => Object.hasOwn(VIEWS, name);

/** Return the views of the query string, otherwise those of the settings; report unknown ones. */
function chosenViews() {
  const names = (asked.get("views") ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const others = names.filter((name) => !known(name));
  $("unknown-views").hidden = !others.length;
  const message = t("unknown_views", { names: others.join(", "), known: Object.keys(VIEWS).join(", ") });
  write($("unknown-views"), `${SYMBOLS[ATTENTION]} ${message}`);
  const wanted = names.filter(known);
  return wanted.length ? wanted : views.split(",").filter(known);
}

/** Return the seconds for each view: from the query string (at least `LEAST_SECONDS`), otherwise from the settings. */
function chosenSeconds() {
  const wanted = Number(asked.get("seconds"));
  return Number.isFinite(wanted) && wanted > 0 ? Math.max(LEAST_SECONDS, wanted) : Number(seconds);
}

const NAMES_OF_VIEWS = chosenViews();
const rotation = new Rotation(chosenSeconds(), () => board && tick());
const sections = new Map(); // key of a page → { section, parts }
let pages = [];

// -------------------------------------------------------------------------------------------------------------- alerts
const alerts = new Rows($("alert-list"), makeAlert);

function makeAlert() {
  const row = document.createElement("li");
  const symbol = document.createElement("span");
  symbol.className = "symbol";
  const [name, words] = ["name", "words"].map((part) => Object.assign(document.createElement("span"), { className: part }));
  row.append(symbol, " ", name, " ", words);
  return { row, symbol, name, words };
}

function showAlerts() {
  const all = findAlerts(board);
  updateAlerts(all);
  const isMore = all.length > MOST_ALERTS;
  const shown = all.slice(0, isMore ? MOST_ALERTS - 1 : MOST_ALERTS);
  const more = { key: "more", level: all[shown.length]?.level, name: "", words: t("and_more", counts({ n: all.length - shown.length })) };
  alerts.show(isMore ? [...shown, more] : shown, ({ key }) => key, ({ row, symbol, name, words }, alert) => {
    mark(row, alert.level);
    write(symbol, SYMBOLS[alert.level]);
    symbol.ariaLabel = texts[NAMES[alert.level]];
    symbol.role = "img";
    write(name, alert.name && t("alert_of", { name: alert.name, words: "" }).trimEnd());
    write(words, alert.words);
    explain(row, describeAlert(alert));
  });
  const list = $("alert-list");
  list.removeAttribute("data-wide");
  list.toggleAttribute("data-wide", [...list.querySelectorAll("li, .name, .words")].some(isCut));
  $("no-alert").hidden = all.length > 0 || document.body.dataset.state !== "live";
  $("alerts").hidden = !all.length && document.body.dataset.state !== "live";
}

// --------------------------------------------------------------------------------------------------------------- views
/** Return the section of a page, made when it is first shown. */
function sectionOf(page) {
  const kinds = page.parts.map(({ kind }) => kind).join(" ");
  const there = sections.get(page.key);
  if (there?.kinds === kinds) return there;
  const section = document.createElement("section");
  section.className = `view ${page.view}`;
  section.setAttribute("aria-labelledby", "view-title");
  const parts = page.parts.map((part) => new KINDS[part.kind](part));
  section.append(...parts.map(({ box }) => box));
  there?.section.remove();
  $("views").append(section);
  const made = { section, parts, kinds };
  sections.set(page.key, made);
  return made;
}

/** Show the current page. If a figure of another page had the focus, it moves to the title. */
function showPage() {
  const isWithin = $("views").contains(document.activeElement);
  const page = pages.find(({ key }) => key === rotation.key);
  $("no-view").hidden = Boolean(page);
  $("view-title").hidden = !page;
  for (const [key, { section }] of sections) {
    section.hidden = key !== rotation.key;
    if (!pages.some((other) => other.key === key)) {
      const chart = section.querySelector("#day");
      if (chart) {
        chart.hidden = true; // shown again once queues exist
        document.body.append(chart);
      }
      section.remove();
      sections.delete(key);
    }
  }
  if (!page) return;
  const { section, parts } = sectionOf(page);
  section.hidden = false;
  const title = page.of > 1 ? `${page.title} – ${t("page_of", counts({ n: page.number, all: page.of }))}` : page.title;
  write($("view-title"), title);
  page.parts.forEach((part, index) => parts[index].show(part));
  if (isWithin && !($("views").contains(document.activeElement) && document.activeElement.checkVisibility())) $("view-title").focus();
}

function showPlace() {
  const all = rotation.pages.length;
  const place = t("place_in_views", counts({ n: rotation.index + 1, all }));
  write($("place"), all ? [place, rotation.isPaused && texts.is_paused].filter(Boolean).join(" – ") : "");
  write($("pause"), rotation.isPaused ? texts.go_on : texts.pause);
  write($("keys"), rotation.isPaused ? texts.key_help_paused : texts.key_help);
  document.body.toggleAttribute("data-paused", rotation.isPaused);
}

function showProgress() {
  $("progress").firstElementChild.style.transform = `scaleX(${rotation.part})`;
}

function tick() {
  showFreshness();
  write($("clock"), format.hour(now()));
  if (!board) return;
  setOpenings(board.promises.openings);
  showAlerts();
  pages = NAMES_OF_VIEWS.flatMap((name) => pagesOf(name));
  rotation.take(pages.map(({ key }) => key));
  showPage();
  showPlace();
}

function pagesOf(name) {
  const found = VIEWS[name](board);
  return found.map((parts, index) => ({ key: `${name} ${index}`, view: name, title: texts[`view_${name}`], number: index + 1, of: found.length, parts }));
}

// ---------------------------------------------------------------------------------------------------------------- keys
function pause() {
  rotation.isPaused = !rotation.isPaused;
  showPlace();
}

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {}); // the browser may refuse
}

const KEYS = { " ": pause, ArrowLeft: () => rotation.turn(-1), ArrowRight: () => rotation.turn(1), f: fill, F: fill };

document.addEventListener("keydown", (event) => {
  const isPlain = !(event.ctrlKey || event.altKey || event.metaKey) && !isPanelOpen();
  const isFigure = event.target.closest?.("button, a, .explains") && (event.key === " " || event.target.closest("tbody"));
  if (!isPlain || isFigure || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
$("pause").addEventListener("click", pause);
$("previous").addEventListener("click", () => rotation.turn(-1));
$("next").addEventListener("click", () => rotation.turn(1));
$("full-screen").hidden = !document.fullscreenEnabled;
$("full-screen").addEventListener("click", fill);

// ----------------------------------------------------------------------------------------------------------- attention
const UNATTENDED_MS = 180_000; // without key or click for this long, none attends the wall
let attendedAt = performance.now();
for (const kind of ["keydown", "pointerdown", "wheel"]) {
  addEventListener(kind, () => (attendedAt = performance.now()), { capture: true, passive: true });
}
const isAttended = () => performance.now() - attendedAt < UNATTENDED_MS;
const isFigureInFocus = () => document.activeElement.matches("#views .explains:focus-visible");

let passedAt = performance.now();
setInterval(() => {
  const at = performance.now();
  if (isPanelOpen() && !isAttended()) closePanel();
  rotation.pass((at - passedAt) / 1000, document.hidden || (isAttended() && (isPanelOpen() || isFigureInFocus())));
  passedAt = at;
  showProgress();
}, STEP_MS);

run(() => {}, tick);
