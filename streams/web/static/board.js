// The board: takes what the stream says and writes it into the page. All figures come from the server; only what depends on
// the time of day (how long somebody has waited, how old the data are) is computed here, by the server's clock.

import { Chart } from "./chart.js";
import { duration, share } from "./format.js";
import { ACTION, ATTENTION, NORMAL, SMALLEST_SAMPLE, SYMBOLS, isSmall, mark } from "./levels.js";
import { isClosed, showOpenings } from "./openings.js";
import { $, areCurrent, counts, format, nameOf, now, say, seek, setClock, setHistory, texts, timeZone, version, write } from "./page.js";
import { countRows, showPromises } from "./promises.js";
import { idle, isIdle, levelsOf, noAgent, showQueues, staffed, stateOf, waited } from "./queues.js";
import { showServices } from "./services.js";
import { follow } from "./stream.js";

const chart = new Chart($("chart"), timeZone, format, texts.under_way, showMoment);

let board = null;
let clock = null;
let heardAt = performance.now();
let lost = ""; // why no message comes

// -------------------------------------------------------------------------------------------------------------- tiles
const tooFew = ["○", texts.too_few];
const stateOfShare = (ratio, level) => (isSmall(ratio) ? tooFew : stateOf(level));
const NEVER = { attention: Infinity, action: Infinity };

const isCall = ({ channel }) => channel === "call";
// Where there is no telephone nothing is said of it; where there is nothing yet, it will be the first.
const hasTelephone = () => board.queues.some(isCall) || !(board.queues.length || board.services.length);

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
  for (const queue of board.queues.filter(isCall)) {
    const levels = levelsOf(queue, queue.thresholds, board);
    worst.waiting = Math.max(worst.waiting, levels.waiting);
    worst.longest = Math.max(worst.longest, levels.longest);
    if (queue.oldest_waiting_at !== null && queue.oldest_waiting_at === all.oldest_waiting_at) longest = queue;
  }
  const levels = levelsOf(all, { waiting: NEVER, longest_wait_seconds: NEVER }, board);
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
/** Return whether all queues of a channel and site are closed, by their calendars. */
function isShut({ channel, site }) {
  const queues = board.queues.filter((queue) => queue.channel === channel && queue.site === site);
  return queues.length > 0 && queues.every(isClosed);
}

/** Say where nobody has come for long: a source that is no longer read looks like a quiet hour. */
function showQuiet() {
  const nobody = { channel: "call", site: "", until: null, quiet_after_seconds: board.quiet_after_seconds };
  const known = board.arrivals.length || !hasTelephone() ? board.arrivals : [nobody];
  const told = known.filter((source) => areCurrent(source.channel) && !isShut(source)); // of others who came is yet to be told
  const quiet = told.filter((source) => now() - (source.until ?? board.day.start * 1000) > source.quiet_after_seconds * 1000);
  const sentences = quiet.map(({ channel, site, until }) => {
    const words = until === null ? texts[`no_${channel}_today`] : say(`no_${channel}_since`, { time: format.hour(until) });
    return known.length > 1 && site ? say("at_site", { site, words: words.charAt(0).toLowerCase() + words.slice(1) }) : words;
  });
  $("quiet").hidden = !quiet.length || document.body.dataset.state !== "live";
  const why = quiet.every(isCall) ? texts.why_no_call : texts.why_nobody;
  write($("quiet"), quiet.length ? [SYMBOLS[ATTENTION], ...sentences, why].join(" ") : "");
}

// --------------------------------------------------------------------------------------------------------- incomplete
const isPartlyLive = () => document.body.dataset.state === "live" && board && Object.keys(board.history).length > 0;

/** Say of which channels history is being read: their figures lack what came since, though all others are of now. */
function showIncomplete() {
  const behind = (at) => say("behind", { when: when(at) });
  const channels = Object.entries(board.history).map(([channel, at]) => `${texts[`channel_${channel}`]} (${behind(at)})`);
  $("incomplete").hidden = !isPartlyLive();
  write($("incomplete"), `${SYMBOLS[ATTENTION]} ${say("incomplete", { channels: channels.join(", ") })}`);
}

// ---------------------------------------------------------------------------------------------------------- freshness
/** Return why the figures are not to be trusted, or "" if they are. */
function trouble() {
  const limit = clock.stale_after_seconds * 1000;
  const old = clock.as_of !== null && now() - clock.as_of > limit;
  if (performance.now() - heardAt > limit || (lost && old)) return lost || "connection";
  if (clock.state !== "live") return clock.state;
  return old ? "silent" : "";
}

function showFreshness() {
  const why = clock ? trouble() : lost;
  const asOf = clock?.as_of ?? null;
  const old = why === "catching_up" ? why : "stale";
  const state = why ? (asOf === null ? "empty" : old) : !clock || lost ? "connecting" : "live";
  document.body.dataset.state = state;
  const partly = isPartlyLive();
  write($("status").querySelector(".word"), partly ? texts.partly_live : texts[state]);
  write($("status").querySelector(".symbol"), partly ? SYMBOLS[ATTENTION] : STATE_SYMBOLS[state]);
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
  lost = "";
  clock = message.clock;
  setClock(clock.now);
  if (message.board) {
    if (message.board.version !== version) renew(message.board.version);
    board = message.board;
    setHistory(board.history);
    document.body.toggleAttribute("data-many", board.services.length > 0); // first: it decides how large the chart writes
    document.body.toggleAttribute("data-promises", board.promises.openings.length + board.promises.standing.length > 0);
    showDay();
    write($("share-rule"), say("share_rule", { n: format.count(SMALLEST_SAMPLE) }));
    write($("formula"), formulas().join(" "));
  }
  tick();
}

/** Return in words how shares are computed. */
function formulas() {
  if (!board.queues.length && board.services.length) return [];
  const desks = board.queues.some(({ channel }) => channel === "visit");
  return [
    say(`formula_${board.formula}`, limits()),
    desks && say("desk_target", { target: format.age(board.desk_target_seconds) }),
    say("abandonment_formula", limits()),
  ].filter(Boolean);
}

/** A wall screen stays open for months: it takes up a new version of this page by itself, trying once. */
function renew(wanted) {
  if (sessionStorage.getItem("renewed") === wanted) return;
  sessionStorage.setItem("renewed", wanted);
  location.reload();
}

const WALL_ROWS = 31; // of queues or promises, and of services: so many find room on a wall

/** Tell the style sheet how many rows there must be room for, and show as many promises as find room; a banner takes three. */
function makeRoom() {
  const banner = ["incomplete", "quiet", "stale"].every((name) => $(name).hidden) ? 0 : 3;
  const [queues, services] = ["rows", "services-rows"].map((body) => $(body).children.length);
  const room = Math.max(queues, WALL_ROWS - services - banner);
  const promises = Math.min(room, countRows(board));
  const below = services || !promises ? 0 : promises + 2; // with their heads
  for (const [name, rows] of Object.entries({ rows: queues + below + banner, services: services + banner, promises })) {
    document.body.style.setProperty(`--${name}`, rows);
  }
  showPromises(board, room);
}

function tick() {
  showFreshness(); // first: whether the figures are of now decides how they are shown
  if (!board) return;
  document.querySelector(".tiles").hidden = document.querySelector(".day").hidden = !hasTelephone();
  showOpenings(board.promises.openings); // first: queues and services say whether they are open
  showTiles();
  showQueues(board);
  showServices(board);
  showQuiet();
  showIncomplete();
  makeRoom();
  seek();
}

take(JSON.parse($("message").textContent));
follow(take, (why) => {
  lost = why;
  tick();
});
setInterval(tick, 1000);
