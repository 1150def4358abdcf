// Common to board and wall: receives the stream (and reconnects after any failure), and shows whether the figures are current (if
// not, why) and which sources are silent.

import { duration } from "./format.js";
import { ATTENTION, SYMBOLS } from "./levels.js";
import { isClosed } from "./openings.js";
import { $, areCurrent, explain, format, isCall, now, t, describeAt, setClock, setHistory, texts, version, write } from "./page.js";

export let board = null;
let clock = null;
let receivedAt = performance.now();
let lost = ""; // cause of the missing messages

// Without a telephone, the page does not mention calls; before the first contact, it expects calls.
export const hasTelephone = () => board.queues.some(isCall) || !(board.queues.length || board.services.length);

// -------------------------------------------------------------------------------------------------------------- quiet
/** Return whether all queues of a channel and site are closed, by their calendars. */
function isShut({ channel, site }) {
  const queues = board.queues.filter((queue) => queue.channel === channel && queue.site === site);
  return queues.length > 0 && queues.every(isClosed);
}

/** Return the watched sources, each with whether it has been silent for too long; by default one for all calls. */
export function sources() {
  const none = { channel: "call", site: "", until: null, quiet_after_seconds: board.quiet_after_seconds };
  const known = board.arrivals.length || !hasTelephone() ? board.arrivals : [none];
  return known.map((source) => {
    const isJudged = areCurrent(source.channel) && !isShut(source); // others: arrivals may still have to be read
    const isLate = now() - (source.until ?? board.day.start * 1000) > source.quiet_after_seconds * 1000;
    return { ...source, isJudged, isQuiet: isJudged && isLate };
  });
}

/** Return in words since when a source is silent, with its site if several sources exist. */
export function describeQuiet({ channel, site, until }, isOneOfMany) {
  const words = until === null ? texts[`no_${channel}_today`] : t(`no_${channel}_since`, { time: format.hour(until) });
  return isOneOfMany && site ? describeAt(site, words) : words;
}

/** Show the silent sources: a source that is no longer read looks like a quiet hour. */
export function showQuiet() {
  const known = sources();
  const quiet = known.filter(({ isQuiet }) => isQuiet);
  $("quiet").hidden = !quiet.length || document.body.dataset.state !== "live";
  const why = quiet.every(isCall) ? texts.why_no_call : texts.why_nobody;
  const sentences = quiet.map((source) => describeQuiet(source, known.length > 1));
  write($("quiet"), quiet.length ? [SYMBOLS[ATTENTION], ...sentences, why].join(" ") : "");
}

// ----------------------------------------------------------------------------------------------------------- rejected
/** Show how many records the connectors rejected today; the title names them. */
export function showRejected() {
  const numbers = Object.entries(board.rejected);
  const all = numbers.reduce((sum, [, n]) => sum + n, 0);
  const names = numbers.map(([name, n]) => t("rejected_of", { name, n: format.count(n) }));
  $("rejected").hidden = !all;
  explain($("rejected"), `${names.join(", ")}. ${texts.rejected_rule}`);
  write($("rejected"), `${SYMBOLS[ATTENTION]} ${t("rejected", { n: format.count(all) })}`);
}

// --------------------------------------------------------------------------------------------------------- incomplete
const isPartlyLive = () => document.body.dataset.state === "live" && board !== null && Object.keys(board.history).length > 0;

/** Return in words the channels whose history is being read: their figures are incomplete, the others are current. */
export function describeIncomplete() {
  if (!isPartlyLive()) return "";
  const behind = (at) => t("behind", { when: when(at) });
  const channels = Object.entries(board.history).map(([channel, at]) => `${texts[`channel_${channel}`]} (${behind(at)})`);
  return t("incomplete", { channels: channels.join(", ") });
}

export function showIncomplete() {
  const words = describeIncomplete();
  $("incomplete").hidden = !words;
  write($("incomplete"), `${SYMBOLS[ATTENTION]} ${words}`);
}

// ---------------------------------------------------------------------------------------------------------- freshness
/** Return why the figures are not current, or "" if they are. */
function staleReason() {
  const limit = clock.stale_after_seconds * 1000;
  const old = clock.as_of !== null && now() - clock.as_of > limit;
  if (performance.now() - receivedAt > limit || (lost && old)) return lost || "connection";
  if (clock.state !== "live") return clock.state;
  return old ? "silent" : "";
}

export function showFreshness() {
  const why = clock ? staleReason() : lost;
  const asOf = clock?.as_of ?? null;
  const old = why === "catching_up" ? why : "stale";
  const state = why ? (asOf === null ? "empty" : old) : !clock || lost ? "connecting" : "live";
  document.body.dataset.state = state;
  const partly = isPartlyLive();
  document.body.toggleAttribute("data-partly", partly);
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
  const words = asOf !== null && t(state === "stale" ? "last_figures" : "behind", { when: when(asOf) });
  write($("stale").querySelector(".symbol"), STATE_SYMBOLS[state]);
  write($("stale-detail"), words ? `– ${words}. ${texts[`why_${why}`]}` : texts[`why_${why}`]);
}

/** Return the time of the figures in words: their age, or the date if it is not today. */
export function when(asOf) {
  if (format.isToday(asOf, now())) return t("at_time", { time: format.time(asOf), age: duration((now() - asOf) / 1000) });
  return t("at_date", { date: format.date(asOf, now()), time: format.hour(asOf) });
}

const STATE_SYMBOLS = { live: "●", connecting: "○", empty: "○", catching_up: "▲", stale: "■" };

// ------------------------------------------------------------------------------------------------------------ stream
const RETRY_MS = 2000;

/**
 * Call `onMessage` with each message of `/events` while the page is open, and `onLost` when messages stop: with "connection", or
 * with "crowded" if the server refuses further boards.
 */
function follow(onMessage, onLost) {
  const source = new EventSource("/events");
  source.onmessage = (event) => onMessage(JSON.parse(event.data));
  source.onerror = () => {
    // The browser reconnects after a broken connection, but not after an HTTP error (502 of a proxy, 503 of the server).
    if (source.readyState !== EventSource.CLOSED) return onLost("connection");
    const answered = ({ ok }) => onLost(ok ? "crowded" : "connection");
    fetch("/api/board", { cache: "no-store" }).then(answered, () => onLost("connection"));
    setTimeout(() => follow(onMessage, onLost), RETRY_MS);
  };
}

// ---------------------------------------------------------------------------------------------------------------- run
/** Process the message in the page, then those of the stream: `onBoard` gets each new board, `tick` also runs each second. */
export function run(onBoard, tick) {
  const take = (message) => {
    receivedAt = performance.now();
    lost = "";
    clock = message.clock;
    setClock(clock.now);
    if (message.board) {
      if (message.board.version !== version) renew(message.board.version);
      board = message.board;
      setHistory(board.history);
      onBoard();
    }
    tick();
  };
  take(JSON.parse($("message").textContent));
  follow(take, (why) => {
    lost = why;
    tick();
  });
  setInterval(tick, 1000);
}

/** Reload the page after an upgrade, once: a wall screen stays open for months. */
function renew(wanted) {
  if (sessionStorage.getItem("renewed") === wanted) return;
  sessionStorage.setItem("renewed", wanted);
  location.reload();
}
