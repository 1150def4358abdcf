// The board: writes the messages of the stream into the page. All figures come from the server. Only durations up to now (waits,
// age of the data) are computed here, by the server's clock.

import { alertsOfRates, findAlerts, describeAlert, updateAlerts } from "./alerts.js";
import { showDay } from "./day.js";
import { openPanel } from "./explaining.js";
import { duration, share } from "./format.js";
import { ACTION, ATTENTION, NORMAL, SMALLEST_SAMPLE, SYMBOLS, isSmall, mark } from "./levels.js";
import { board, hasTelephone, run, showFreshness, showIncomplete, showQuiet, showRejected } from "./live.js";
import { showOpenings } from "./openings.js";
import { $, areCurrent, counts, format, isCall, nameOf, t, seek, texts, write } from "./page.js";
import { countRows, showTargets } from "./sla_targets.js";
import { aboutQueue, idle, isChannelClosed, isIdle, levelsOf, levelsOfAll, noAgent, showQueues, shut, staffed, stateOf, sumOf, waited } from "./queues.js";
import { showDetails } from "./details.js";
import { showServices } from "./services.js";

// -------------------------------------------------------------------------------------------------------------- tiles
const tooFew = ["○", texts.too_few];
const stateOfShare = (ratio) => (isSmall(ratio) ? tooFew : isChannelClosed("call", board) ? shut : stateOf(NORMAL));

const TILES = { // and the corresponding column of the queues
  waiting: "waiting",
  longest_wait: "longest",
  service_level: "service",
  abandonment: "abandonment",
  handled: "answered",
  agents_available: "available",
};

function aboutTile(name) {
  const explanation = aboutQueue(TILES[name], sumOf("call", board), board);
  return { ...explanation, title: document.querySelector(`#tile-${name} h2`).textContent, place: { channel: "call" } };
}

for (const name of Object.keys(TILES)) {
  document.querySelector(`#tile-${name} .explains`).addEventListener("click", () => openPanel(aboutTile(name)));
}

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
  const all = sumOf("call", board);
  const { today } = all;
  const worst = { waiting: NORMAL, longest: NORMAL };
  let longest = null;
  for (const queue of board.queues.filter(isCall)) {
    const levels = levelsOf(queue, queue.thresholds, board);
    worst.waiting = Math.max(worst.waiting, levels.waiting);
    worst.longest = Math.max(worst.longest, levels.longest);
    if (queue.oldest_waiting_at !== null && queue.oldest_waiting_at === all.oldest_waiting_at) longest = queue;
  }
  const levels = levelsOfAll(all, board);
  const detail = !areCurrent() ? texts.not_available : longest ? nameOf(longest) : texts.nobody_waits;
  const percent = (ratio) => (share(ratio) === null ? "" : format.percentSign.trim());
  showTile("waiting", format.count(all.waiting), "", t("in_progress_now", counts({ n: all.in_progress })), worst.waiting);
  showTile("longest_wait", duration(waited(all)), "", detail, worst.longest);
  const rates = alertsOfRates("call", board);
  const showRate = (name, ratio, own, marks, made) => {
    // A higher level of a queue, or of the last half hour, applies to the tile too, which then names its source.
    const more = rates.filter(({ rate, level }) => marks.includes(rate) && level > own).sort((one, other) => other.level - one.level)[0];
    const level = more?.level ?? own;
    const state = level ? stateOf(level) : stateOfShare(ratio);
    showTile(name, format.hundredths(ratio), percent(ratio), more ? describeAlert({ ...more, words: more.brief ?? more.words }) : made, level, state);
    $(`tile-${name}`).toggleAttribute("data-elsewhere", Boolean(more));
  };
  const short = today.abandoned_short && t("short_apart", limits({ short: today.abandoned_short }));
  const ofLevel = madeOf(today.service_level, "in_target", texts[`name_${board.formula}`]);
  showRate("service_level", today.service_level, levels.service, ["service", "recent"], ofLevel);
  showRate("abandonment", today.abandonment, levels.abandonment, ["abandonment"], madeOf(today.abandonment, "abandoned_of", short));
  showTile("handled", format.count(today.answered), "", t("of_received", counts(today)), null);
  showTile(
    "agents_available",
    format.count(all.agents_available),
    "",
    staffed(all) || all.agents_paused
      ? t("agents_busy", counts({ busy: all.agents_on_contact, paused: all.agents_paused }))
      : texts.no_agent_logged_in,
    levels.available,
    noAgent(all) ? [SYMBOLS[ACTION], texts.no_agent] : isIdle(all) ? idle : stateOf(NORMAL),
  );
}

function madeOf(ratio, name, more) {
  if (!ratio.denominator) return areCurrent() ? texts.no_call_yet : texts.not_available;
  return [t(name, limits(ratio)), more].filter(Boolean).join(", ");
}

const limits = (values) => counts({ ...values, target: board.target_seconds, limit: board.short_abandon_seconds });

// ---------------------------------------------------------------------------------------------------------------- run
const FEW_QUEUES = 11; // above this number, rows are closer

function take() {
  document.body.toggleAttribute("data-many", board.services.length > 0); // first: the font size of the chart depends on it
  document.body.toggleAttribute("data-targets", board.promises.openings.length + board.promises.standing.length > 0);
  document.body.toggleAttribute("data-dense", board.queues.length > FEW_QUEUES);
  showDay(board);
  write($("share-rule"), t("share_rule", { n: format.count(SMALLEST_SAMPLE) }));
  write($("formula"), formulas().join(" "));
}

/** Return the formulas of the shares in words. */
function formulas() {
  if (!board.queues.length && board.services.length) return [];
  const desks = board.queues.some(({ channel }) => channel === "visit");
  return [
    t(`formula_${board.formula}`, limits()),
    desks && t("desk_target", { target: format.age(board.desk_target_seconds) }),
    t("abandonment_formula", limits()),
  ].filter(Boolean);
}

const WALL_ROWS = 31; // limit of rows on a wall, of queues or SLA targets plus services

/** Return the number of lines after the first in the heading of SLA targets, which shows the opening hours. */
function countMoreLines() {
  const [head, title] = [$("targets-title").parentElement, $("targets-title")].map((box) => box.getBoundingClientRect().height);
  return title ? Math.floor(head / title) - 1 : 0;
}

/** Set the number of rows for the style sheet, and show as many SLA targets as fit; a banner takes three rows. */
function makeRoom() {
  const banner = ["incomplete", "quiet", "stale"].every((name) => $(name).hidden) ? 0 : 3;
  const [queues, services] = ["rows", "services-rows"].map((body) => $(body).children.length);
  const room = Math.max(queues, WALL_ROWS - services - banner);
  const lines = countMoreLines();
  const targets = Math.min(room, countRows(board) + lines);
  const below = services || !targets ? 0 : targets + 2; // with their headings
  for (const [name, rows] of Object.entries({ rows: queues + below + banner, services: services + banner, targets })) {
    document.body.style.setProperty(`--${name}`, rows);
  }
  showTargets(board, room - lines);
}

/** Mark the tables with columns outside the visible area. */
function showMore() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.toggleAttribute("data-more", box.scrollWidth - box.clientWidth - box.scrollLeft > 1);
  }
}
addEventListener("scroll", showMore, { capture: true, passive: true });
addEventListener("resize", showMore);

function tick() {
  showFreshness(); // first: the display depends on whether the figures are current
  if (!board) return;
  document.querySelector(".tiles").hidden = document.querySelector(".day").hidden = !hasTelephone();
  showOpenings(board); // first: queues and services show whether they are open
  showTiles();
  showQueues(board);
  showServices(board);
  showDetails(board);
  showQuiet();
  showRejected();
  showIncomplete();
  updateAlerts(findAlerts(board));
  makeRoom();
  showMore();
  seek();
}

run(take, tick);
