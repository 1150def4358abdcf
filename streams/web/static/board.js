// The board: takes what the stream says and writes it into the page. All figures come from the server; only what depends on
// the time of day (how long somebody has waited, how old the data are) is computed here, by the server's clock.

import { Chart } from "./chart.js";
import { Format, duration, share } from "./format.js";
import { ACTION, ATTENTION, NAMES, NORMAL, SMALLEST_SAMPLE, SYMBOLS, isSmall, levelOf, levelOfShare } from "./levels.js";
import { follow } from "./stream.js";

const texts = JSON.parse(document.getElementById("texts").textContent);
const { version, timeZone } = document.body.dataset;
const lang = document.documentElement.lang;
const format = new Format(lang, timeZone);
const $ = (id) => document.getElementById(id);
const chart = new Chart($("chart"), timeZone, format, texts.under_way, showMoment);

let board = null;
let clock = null;
let clockAhead = 0; // of ours, the server's clock, in milliseconds
let heardAt = performance.now();
let lost = false;

const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
const now = () => Date.now() + clockAhead;
// Whether the figures are of now. Old ones alarm nobody, and how long those in them have waited since, nobody knows.
const areCurrent = () => ["live", "connecting"].includes(document.body.dataset.state);
const waited = ({ oldest_waiting_at: since }) => (since === null || !areCurrent() ? null : Math.max(0, now() - since) / 1000);

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ------------------------------------------------------------------------------------------------------------- levels
const isIdle = (figures) => !figures.waiting && !figures.in_progress && !staffed(figures) && !figures.agents_paused;
const staffed = (figures) => figures.agents_available + figures.agents_on_contact > 0;
const noAgent = (figures) => figures.waiting > 0 && !staffed(figures);

function levelsOf(figures, thresholds) {
  const levels = {
    waiting: noAgent(figures) ? ACTION : levelOf(figures.waiting, thresholds.waiting),
    longest: levelOf(waited(figures), thresholds.longest_wait_seconds),
    service: levelOfShare(figures.today.service_level, board.service_level),
    recent: levelOfShare(figures.recent_service_level, board.service_level),
    abandonment: levelOfShare(figures.today.abandonment, board.abandonment),
    available: noAgent(figures) ? ACTION : NORMAL,
  };
  return areCurrent() ? levels : mapValues(levels, () => NORMAL);
}

function mark(element, level) {
  const name = NAMES[level];
  if (element.dataset.level !== name) element.dataset.level = name;
}

/** Return the symbol and the word of a level; nothing for what has none. */
const stateOf = (level) => (level === null ? ["", ""] : [SYMBOLS[level], texts[NAMES[level]]]);
const idle = ["○", texts.idle];
const tooFew = ["○", texts.too_few];
const stateOfShare = (ratio, level) => (isSmall(ratio) ? tooFew : stateOf(level));

// -------------------------------------------------------------------------------------------------------------- tiles
function showTile(name, value, unit, detail, level, state = stateOf(level)) {
  const tile = $(`tile-${name}`);
  const part = (selector) => tile.querySelector(selector);
  const [symbol, word] = areCurrent() ? state : stateOf(null);
  mark(tile, level ?? NORMAL);
  tile.classList.toggle("long", value.length > 5);
  write(part(".value"), value);
  write(part(".unit"), unit);
  write(part(".detail"), detail);
  write(part(".level .symbol"), symbol);
  write(part(".level .word"), word);
}

function showTiles() {
  const all = board.all;
  const { today } = all;
  const worst = { waiting: NORMAL, longest: NORMAL };
  let longest = null;
  for (const queue of board.queues) {
    const levels = levelsOf(queue, queue.thresholds);
    worst.waiting = Math.max(worst.waiting, levels.waiting);
    worst.longest = Math.max(worst.longest, levels.longest);
    if (queue.oldest_waiting_at !== null && queue.oldest_waiting_at === all.oldest_waiting_at) longest = queue;
  }
  const levels = levelsOf(all, { waiting: NEVER, longest_wait_seconds: NEVER });
  const whose = !areCurrent() ? texts.not_available : longest ? nameOf(longest) : texts.nobody_waits;
  const percent = (ratio) => (share(ratio) === null ? "" : format.percentSign.trim());
  showTile("waiting", format.count(all.waiting), "", say("in_progress_now", counts({ n: all.in_progress })), worst.waiting);
  showTile("longest_wait", duration(waited(all)), "", whose, worst.longest);
  showTile(
    "service_level",
    format.hundredths(today.service_level),
    percent(today.service_level),
    madeOf(today.service_level, "in_target", texts[`name_${board.formula}`]),
    levels.service,
    stateOfShare(today.service_level, levels.service),
  );
  showTile(
    "abandonment",
    format.hundredths(today.abandonment),
    percent(today.abandonment),
    madeOf(today.abandonment, "abandoned_of", today.abandoned_short && say("short_apart", limits({ short: today.abandoned_short }))),
    levels.abandonment,
    stateOfShare(today.abandonment, levels.abandonment),
  );
  showTile("handled", format.count(today.answered), "", say("of_received", counts(today)), null);
  showTile(
    "agents_available",
    format.count(all.agents_available),
    "",
    staffed(all) || all.agents_paused
      ? say("agents_busy", counts({ busy: all.agents_on_contact, paused: all.agents_paused }))
      : texts.no_agent_logged_in,
    levels.available,
    noAgent(all) ? [SYMBOLS[ACTION], texts.no_agent] : isIdle(all) ? idle : stateOf(NORMAL),
  );
}

/** Return in words what a share is made of. */
function madeOf(ratio, name, more) {
  if (!ratio.denominator) return areCurrent() ? texts.no_call_yet : texts.not_available;
  return [say(name, limits(ratio)), more].filter(Boolean).join(", ");
}

const limits = (values) => counts({ ...values, target: board.target_seconds, limit: board.short_abandon_seconds });
const NEVER = { attention: Infinity, action: Infinity };
const mapValues = (values, change) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
const counts = (values) => mapValues(values, format.count);

// -------------------------------------------------------------------------------------------------------------- table
const AGENTS = ["available", "on_contact", "paused"];
const COLUMNS = [
  ["waiting", (f) => format.count(f.waiting)],
  ["longest", (f) => duration(waited(f))],
  ["in_progress", (f) => format.count(f.in_progress)],
  ["available", (f) => format.count(f.agents_available)],
  ["on_contact", (f) => format.count(f.agents_on_contact)],
  ["paused", (f) => format.count(f.agents_paused)],
  ["received", (f) => format.count(f.today.received)],
  ["answered", (f) => format.count(f.today.answered)],
  ["abandoned", (f) => format.count(f.today.abandoned)],
  ["left", (f) => format.count(f.today.left)],
  ["abandonment", (f) => format.percent(f.today.abandonment)],
  ["service", (f) => format.percent(f.today.service_level)],
  ["recent", (f) => format.percent(f.recent_service_level)],
  ["mean_wait", (f) => duration(f.today.mean_wait_seconds)],
  ["mean_handle", (f) => duration(f.today.mean_handle_seconds)],
];
const SHARES = {
  abandonment: (f) => [f.today.abandonment, board.abandonment],
  service: (f) => [f.today.service_level, board.service_level],
  recent: (f) => [f.recent_service_level, board.service_level],
};
const rows = new Map(); // key of a queue → its row and the level last said
const headings = [...document.querySelectorAll("thead th.number")].map((head) => head.textContent);

const keyOf = (queue) => JSON.stringify([queue.channel, queue.site, queue.service, queue.queue]);
const nameOf = (queue) => queue[`label_${lang}`];

function makeRow(queue) {
  const row = document.createElement("tr");
  row.role = "row"; // said again, since a table that is laid out as cards is none to some browsers
  const head = document.createElement("th");
  head.scope = "row";
  head.role = "rowheader";
  const state = document.createElement("td");
  state.role = "cell";
  state.className = "state";
  state.innerHTML = '<span class="symbol" aria-hidden="true"></span> <span class="word"></span>';
  row.append(head, state);
  COLUMNS.forEach(([name], index) => {
    const cell = document.createElement("td");
    cell.role = "cell";
    cell.className = `number ${name}`;
    cell.dataset.heading = AGENTS.includes(name) ? `${texts.agents} ${headings[index].toLowerCase()}` : headings[index];
    cell.append(document.createElement("span"));
    row.append(cell);
  });
  return { row, level: NORMAL };
}

/** Return in words from where on a figure is marked, and why a share is not. */
function explain(name, queue) {
  if (name === "waiting") return say("from", counts(queue.thresholds.waiting));
  if (name === "longest") return say("from", mapValues(queue.thresholds.longest_wait_seconds, duration));
  if (!(name in SHARES)) return "";
  const [ratio, limits] = SHARES[name](queue);
  if (!ratio.denominator) return texts.no_call_yet;
  const sample = say("sample", counts(ratio));
  if (isSmall(ratio)) return say("small_sample", { sample });
  const percents = mapValues(limits, (limit) => format.percent({ numerator: limit, denominator: 1 }));
  return `${sample} – ${say(limits.action < limits.attention ? "below" : "from", percents)}`;
}

function stateOfRow(queue, level) {
  if (!areCurrent()) return ["", "–"];
  if (noAgent(queue)) return [SYMBOLS[ACTION], texts.no_agent];
  return isIdle(queue) ? idle : stateOf(level);
}

function showRow(entry, queue) {
  const levels = levelsOf(queue, queue.thresholds);
  const [head, state, ...cells] = entry.row.children;
  write(head, nameOf(queue)); // it may change: once another site has a queue of that name, it says the site
  const level = Math.max(levels.waiting, levels.longest, levels.available); // what can be acted upon now
  const [symbol, word] = stateOfRow(queue, level);
  mark(entry.row, level);
  entry.row.classList.toggle("idle", isIdle(queue));
  write(state.firstChild, symbol);
  write(state.lastChild, word);
  COLUMNS.forEach(([name, text], index) => {
    const cell = cells[index];
    write(cell.firstChild, text(queue));
    mark(cell, levels[name] ?? NORMAL);
    cell.classList.toggle("few", name in SHARES && isSmall(SHARES[name](queue)[0]));
    const title = explain(name, queue);
    if (cell.title !== title) cell.title = title;
  });
  if (level > entry.level && level >= ATTENTION) write($("announce"), say("became", { queue: nameOf(queue), level: texts[NAMES[level]] }));
  entry.level = level;
}

function showTable() {
  const keys = new Set(board.queues.map(keyOf));
  for (const [key, entry] of rows) {
    if (!keys.has(key)) {
      entry.row.remove();
      rows.delete(key);
    }
  }
  board.queues.forEach((queue, index) => {
    const key = keyOf(queue);
    if (!rows.has(key)) rows.set(key, makeRow(queue));
    const entry = rows.get(key);
    if ($("rows").children[index] !== entry.row) $("rows").insertBefore(entry.row, $("rows").children[index] ?? null);
    showRow(entry, queue);
  });
  $("no-queues").hidden = board.queues.length > 0;
}

// -------------------------------------------------------------------------------------------------------------- chart
function showMoment(moment) {
  const values = moment ? moment.values : board?.all.today;
  for (const name of ["received", "answered", "abandoned"]) {
    write(document.querySelector(`.series-${name} .value`), values ? format.count(values[name] ?? 0) : "");
  }
  const name = moment?.underWay ? "chart_under_way" : "chart_at";
  write($("moment"), moment ? say(name, { time: format.hour(moment.at * 1000) }) : texts.chart_today);
}

function showDay() {
  chart.show(board.day, now() / 1000);
  $("chart").setAttribute("aria-label", say("chart_summary", counts(board.all.today)));
  if (!chart.plot || chart.plot.cursor.idx === null) showMoment(null);
}

// -------------------------------------------------------------------------------------------------------------- quiet
/** Say where nobody has come for long: a source that is no longer read looks like a quiet hour. */
function showQuiet() {
  const known = board.arrivals.length ? board.arrivals : [{ site: "", until: null }];
  const quiet = known.filter(({ until }) => now() - (until ?? board.day.start * 1000) > board.quiet_after_seconds * 1000);
  const sentences = quiet.map(({ site, until }) => {
    const words = until === null ? texts.no_call_today : say("no_call_since", { time: format.hour(until) });
    return known.length > 1 && site ? say("at_site", { site, words: words.charAt(0).toLowerCase() + words.slice(1) }) : words;
  });
  $("quiet").hidden = !quiet.length || document.body.dataset.state !== "live";
  write($("quiet"), quiet.length ? [SYMBOLS[ATTENTION], ...sentences, texts.why_no_call].join(" ") : "");
}

// ---------------------------------------------------------------------------------------------------------- freshness
/** Return why the figures are not to be trusted, or "" if they are. */
function trouble() {
  const limit = clock.stale_after_seconds * 1000;
  const old = clock.as_of !== null && now() - clock.as_of > limit;
  if (performance.now() - heardAt > limit || (lost && old)) return "connection";
  if (clock.state !== "live") return clock.state;
  return old ? "silent" : "";
}

function showFreshness() {
  const why = clock ? trouble() : lost ? "connection" : "";
  const asOf = clock?.as_of ?? null;
  const old = why === "catching_up" ? why : "stale";
  const state = why ? (asOf === null ? "empty" : old) : !clock || lost ? "connecting" : "live";
  document.body.dataset.state = state;
  write($("status").querySelector(".word"), texts[state]);
  write($("status").querySelector(".symbol"), STATE_SYMBOLS[state]);
  write($("as-of"), asOf === null ? "–" : format.moment(asOf, now()));
  const eventAt = clock?.event_at ?? null;
  $("last-event").hidden = eventAt === null;
  write($("event-at"), eventAt === null ? "" : format.moment(eventAt, now()));
  write($("date"), format.today(now()));
  $("stale").hidden = !why;
  write($("stale-title"), why && texts[state]);
  if (!why) return;
  const words = asOf !== null && say(state === "stale" ? "last_figures" : "behind", { when: when(asOf) });
  write($("stale").querySelector(".symbol"), STATE_SYMBOLS[state]);
  write($("stale-detail"), words ? `– ${words}. ${texts[`why_${why}`]}` : texts[`why_${why}`]);
}

/** Return in words when the figures are from: how old they are, or the date if that is not today's. */
function when(asOf) {
  if (format.isToday(asOf, now())) return say("at_time", { time: format.time(asOf), age: duration((now() - asOf) / 1000) });
  return say("at_date", { date: format.date(asOf, now()), time: format.hour(asOf) });
}

const STATE_SYMBOLS = { live: "●", connecting: "○", empty: "○", catching_up: "▲", stale: "■" };

// ---------------------------------------------------------------------------------------------------------------- run
function take(message) {
  heardAt = performance.now();
  lost = false;
  clock = message.clock;
  clockAhead = clock.now - Date.now();
  if (message.board) {
    if (message.board.version !== version) renew(message.board.version);
    board = message.board;
    showDay();
    write($("share-rule"), say("share_rule", { n: format.count(SMALLEST_SAMPLE) }));
    write($("formula"), `${say(`formula_${board.formula}`, limits())} ${say("abandonment_formula", limits())}`);
  }
  tick();
}

/** A wall screen stays open for months: it takes up a new version of this page by itself, trying once. */
function renew(wanted) {
  if (sessionStorage.getItem("renewed") === wanted) return;
  sessionStorage.setItem("renewed", wanted);
  location.reload();
}

/** Tell the style sheet how many rows there must be room for; a banner takes that of three. */
function makeRoom() {
  const banner = !$("quiet").hidden || !$("stale").hidden;
  document.body.style.setProperty("--rows", board.queues.length + (banner ? 3 : 0));
}

function tick() {
  showFreshness(); // first: whether the figures are of now decides how they are shown
  if (!board) return;
  showTiles();
  showTable();
  showQuiet();
  makeRoom();
}

take(JSON.parse($("message").textContent));
follow(take, () => {
  lost = true;
  tick();
});
setInterval(tick, 1000);
