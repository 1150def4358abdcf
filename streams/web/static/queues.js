// The table of queues, and how pressing their figures are. Calls and visits stand under the name of their channel, if there are both.

import { duration } from "./format.js";
import { explainedCell, giveStop, rove } from "./explaining.js";
import { ACTION, NAMES, NORMAL, SYMBOLS, isSmall, levelOf, levelOfShare, mark } from "./levels.js";
import { isClosed, openingOf, sayInside } from "./openings.js";
import { $, Rows, addHead, areCurrent, counts, explain, format, lasted, make, mapValues, point } from "./page.js";
import { nameOf, nameRow, say, texts, write } from "./page.js";

// ------------------------------------------------------------------------------------------------------------- levels
export const staffed = (figures) => figures.agents_available + figures.agents_on_contact > 0;
export const isIdle = (figures) => !figures.waiting && !figures.in_progress && !staffed(figures) && !figures.agents_paused;
export const noAgent = (figures) => figures.waiting > 0 && figures.agents_available !== null && !staffed(figures);
export const waited = (figures) => lasted(figures.oldest_waiting_at, figures.channel);

/**
 * Return the levels of all that is marked of a queue. Once it is closed, what the day has brought to it asks for nobody's attention;
 * who still waits does.
 */
export function levelsOf(figures, thresholds, board, isOver = isClosed(figures)) {
  const levelOfRate = (ratio, limits) => (isOver ? NORMAL : levelOfShare(ratio, limits));
  const levels = {
    waiting: noAgent(figures) ? ACTION : levelOf(figures.waiting, thresholds.waiting),
    longest: levelOf(waited(figures), thresholds.longest_wait_seconds),
    service: levelOfRate(figures.today.service_level, board.service_level),
    recent: levelOfRate(figures.recent_service_level, board.service_level),
    abandonment: levelOfRate(figures.today.abandonment, board.abandonment),
    available: noAgent(figures) ? ACTION : NORMAL,
  };
  return areCurrent(figures.channel) ? levels : mapValues(levels, () => NORMAL);
}

const NEVER = { attention: Infinity, action: Infinity };

/** Return the levels of all queues of a channel together: how many wait, and for how long, is judged of each. */
export const levelsOfAll = (figures, board) =>
  levelsOf(figures, { waiting: NEVER, longest_wait_seconds: NEVER }, board, isChannelClosed(figures.channel, board));

/** Return the figures of all queues of a channel together. */
export function sumOf(channel, board) {
  if (channel === "call") return { ...board.all, channel };
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const sum = (read) => queues.reduce((total, queue) => total + read(queue), 0);
  const ratio = (read) => ({ numerator: sum((queue) => read(queue).numerator), denominator: sum((queue) => read(queue).denominator) });
  const since = queues.map(({ oldest_waiting_at: at }) => at).filter((at) => at !== null);
  return {
    channel,
    waiting: sum(({ waiting }) => waiting),
    in_progress: sum(({ in_progress: some }) => some),
    agents_available: null,
    oldest_waiting_at: since.length ? Math.min(...since) : null,
    today: { received: sum(({ today }) => today.received), service_level: ratio(({ today }) => today.service_level), abandonment: ratio(({ today }) => today.abandonment) },
    recent_service_level: ratio(({ recent_service_level: recent }) => recent),
  };
}

/** Return the level of a queue, on any page: the most pressing of all that is marked of it. */
export const levelOfQueue = (levels) => Math.max(...Object.values(levels));

/** Return the level of what can be acted upon now. */
const acute = (levels) => Math.max(levels.waiting, levels.longest, levels.available);

/** Return whether there are queues of a channel, and all of them are closed. */
export function isChannelClosed(channel, board) {
  const queues = board.queues.filter((queue) => queue.channel === channel);
  return queues.length > 0 && queues.every(isClosed);
}

/** Return the level of all queues of a channel together: that of each, and of what the day has brought to all of them. */
export function levelOfChannel(channel, board) {
  const all = levelOfQueue(levelsOfAll(sumOf(channel, board), board));
  const queues = board.queues.filter((queue) => queue.channel === channel);
  return Math.max(all, ...queues.map((queue) => levelOfQueue(levelsOf(queue, queue.thresholds, board))));
}

/** Return the symbol and the word of a level; nothing for what has none. */
export const stateOf = (level) => (level === null ? ["", ""] : [SYMBOLS[level], texts[NAMES[level]]]);
export const idle = ["○", texts.idle];
export const shut = ["○", texts.shut];

// -------------------------------------------------------------------------------------------------------------- table
const AGENTS = ["available", "on_contact", "paused"];
const agents = (number) => (number === null ? "–" : format.count(number));
const COLUMNS = [
  ["waiting", (f) => format.count(f.waiting)],
  ["longest", (f) => duration(waited(f))],
  ["in_progress", (f) => format.count(f.in_progress)],
  ["available", (f) => agents(f.agents_available)],
  ["on_contact", (f) => agents(f.agents_on_contact)],
  ["paused", (f) => agents(f.agents_paused)],
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
export const COLUMN = Object.fromEntries(COLUMNS);
const NOW = ["waiting", "longest", "in_progress", ...AGENTS];
export const SHARES = {
  abandonment: (f, board) => [f.today.abandonment, board.abandonment],
  service: (f, board) => [f.today.service_level, board.service_level],
  recent: (f, board) => [f.recent_service_level, board.service_level],
};
/** Return whether a figure is a share of too few to be judged. */
export const isOfFew = (name, figures, board) => name in SHARES && isSmall(SHARES[name](figures, board)[0]);

const phone = matchMedia("(max-width: 40rem)"); // as in folded.css
const HEADINGS = { service: "level_short", recent: "level_recent" }; // others have their own names
const headingOf = (name) => texts[HEADINGS[name] ?? name];
const titleOf = (name) => (AGENTS.includes(name) ? `${texts.agents} ${headingOf(name).toLowerCase()}` : headingOf(name));
const table = new Rows($("rows"), ({ channel, queue }) => (queue ? makeRow() : makeChannel(channel)));

const keyOf = ({ channel, queue }) => JSON.stringify(queue ? [queue.channel, queue.site, queue.service, queue.queue] : channel);

function makeChannel(channel) {
  const row = make("tr", "row", "channel");
  const head = make("th", "rowheader");
  head.scope = "rowgroup";
  head.colSpan = 2 + COLUMNS.length;
  head.textContent = texts[`channel_${channel}`];
  row.append(head);
  return { row };
}

rove($("rows"));

/** Return what explains a figure of a queue, or of all calls together; the name is that of a column. */
export function aboutQueue(name, queue, board) {
  const target = queue.channel === "visit" ? board.desk_target_seconds : board.target_seconds;
  const limits = { target: format.count(target), limit: format.count(board.short_abandon_seconds) };
  const formulas = { service: `formula_${board.formula}`, abandonment: "abandonment_formula" };
  const { channel, site, service, queue: id } = queue;
  return {
    figure: `queues_${name}`,
    title: [nameOf(queue), titleOf(name)].filter(Boolean).join(" – "),
    value: COLUMN[name](queue),
    ratio: SHARES[name]?.(queue, board)[0],
    when: NOW.includes(name) ? "of_now" : name === "recent" ? "of_half_hour" : "of_today",
    span: name === "recent" ? board.recent : undefined,
    means: formulas[name] && say(formulas[name], limits),
    levels: name === "abandoned" ? sayShort(queue, board) : sayLimits(limitsOf(name, queue, board)),
    place: { channel, site, service, queue: id },
  };
}

function makeRow() {
  const row = make("tr", "row");
  const entry = { row };
  addHead(row);
  const state = make("td", "cell", "state");
  state.innerHTML = '<span class="symbol" aria-hidden="true"></span> <span class="word"></span>';
  row.append(state);
  COLUMNS.forEach(([name]) => {
    const cell = make("td", "cell", `number ${name}`);
    cell.dataset.heading = titleOf(name);
    cell.append(explainedCell(() => aboutQueue(name, entry.queue, entry.board)));
    row.append(cell);
  });
  return entry;
}

/** Return in words from where on a figure asks for attention, and for action. */
function limitsOf(name, queue, board) {
  if (name in SHARES) {
    const limits = SHARES[name](queue, board)[1];
    const percents = mapValues(limits, (limit) => format.percent({ numerator: limit, denominator: 1 }));
    return say(limits.action < limits.attention ? "below" : "from", percents);
  }
  return queue.thresholds && ["waiting", "longest"].includes(name) ? reasonFor(name, queue, board) : "";
}

/** Return in words how many of those who gave up did so soon: the rate leaves them out. */
function sayShort({ today }, board) {
  return say("abandoned_of_short", counts({ short: today.abandoned_short, limit: board.short_abandon_seconds }));
}

export const sayLimits = (words) => (words ? say("levels_of", { words }) : "");

/** Return in words from where on a figure is marked, and why a share is not. */
export function reasonFor(name, queue, board) {
  if (name === "waiting") return say("from", counts(queue.thresholds.waiting));
  if (name === "longest") return say("from", mapValues(queue.thresholds.longest_wait_seconds, duration));
  if (AGENTS.includes(name) && queue.agents_available === null) return texts.agents_unknown;
  if (name === "abandoned") return sayShort(queue, board);
  if (!(name in SHARES)) return "";
  const [ratio] = SHARES[name](queue, board);
  if (!ratio.denominator) return texts[`no_${queue.channel}_yet`];
  const sample = say("sample", counts(ratio));
  if (isSmall(ratio)) return say(`small_sample_${queue.channel}`, { sample });
  if (isClosed(queue)) return `${sample} – ${texts.shut.toLowerCase()}`;
  return `${sample} – ${limitsOf(name, queue, board)}`;
}

/**
 * Return the state of a queue of this level (`levelOfQueue`): the symbol says how pressing it is, the word the same or why. That it is
 * closed alarms nobody; whoever still waits may: then it is said behind that, and else behind it who is there.
 */
export function stateOfQueue(queue, level) {
  if (!areCurrent(queue.channel)) return ["", "–"];
  const told = noAgent(queue) ? [SYMBOLS[ACTION], texts.no_agent] : stateOf(level);
  if (isClosed(queue)) return level ? [...told, texts.shut.toLowerCase()] : [...shut, sayInside(queue)[0]];
  return isIdle(queue) && !level ? idle : told;
}

function showRow(entry, queue, board) {
  const levels = levelsOf(queue, queue.thresholds, board);
  Object.assign(entry, { queue, board });
  const [, state, ...cells] = entry.row.children;
  nameRow(entry.row, nameOf(queue) || texts.no_name); // it may change: once another site has a queue of that name, it says the site
  const level = levelOfQueue(levels);
  const [symbol, word] = stateOfQueue(queue, level); // who is there though it is closed, columns say
  mark(entry.row, level);
  point(entry.row, queue.service);
  entry.row.classList.toggle("idle", isIdle(queue));
  entry.row.classList.toggle("inside", isClosed(queue) && queue.in_progress > 0);
  write(state.firstChild, symbol);
  write(state.lastChild, word);
  explain(state, [openingOf(queue), ...(isClosed(queue) ? sayInside(queue) : [])].filter(Boolean).join(", "));
  COLUMNS.forEach(([name, text], index) => {
    const cell = cells[index];
    write(cell.firstChild, text(queue));
    mark(cell, levels[name] ?? NORMAL);
    cell.classList.toggle("few", isOfFew(name, queue, board));
    explain(cell, reasonFor(name, queue, board));
  });
}

/** Return the queues as they are to stand: on a phone, which shows few at once, those of each channel first where somebody can act now. */
function arrange(board) {
  if (!phone.matches) return board.queues;
  const levels = new Map(board.queues.map((queue) => [queue, acute(levelsOf(queue, queue.thresholds, board))]));
  const byLevel = (one, other) => levels.get(other) - levels.get(one);
  const channels = [...new Set(board.queues.map(({ channel }) => channel))];
  const groups = channels.map((name) => board.queues.filter(({ channel }) => channel === name).sort(byLevel));
  return groups.sort(([one], [other]) => byLevel(one, other)).flat();
}

/** Show all queues; the names of channels only where there are others than calls. */
export function showQueues(board) {
  const { services } = board;
  const queues = arrange(board);
  const grouped = queues.some(({ channel }) => channel !== "call");
  const items = queues.flatMap((queue, index) =>
    grouped && queue.channel !== queues[index - 1]?.channel ? [{ channel: queue.channel }, { queue }] : [{ queue }],
  );
  table.show(items, keyOf, (entry, { queue }) => queue && showRow(entry, queue, board));
  giveStop($("rows"));
  $("no-queues").hidden = queues.length > 0;
  $("queues").hidden = $("queues-rules").hidden = !queues.length && services.length > 0;
}
