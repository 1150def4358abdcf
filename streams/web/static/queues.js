// The table of queues, and the levels of their figures. If both calls and visits exist, they are grouped by channel.

import { duration } from "./format.js";
import { explainedCell, giveStop, rove } from "./explaining.js";
import { ACTION, NAMES, NORMAL, SYMBOLS, isSmall, levelOf, levelOfShare, mark } from "./levels.js";
import { isClosed, openingOf, describeInside } from "./openings.js";
import { $, Rows, addHead, areCurrent, counts, explain, format, lasted, make, mapValues, point } from "./page.js";
import { nameOf, nameRow, t, texts, write } from "./page.js";

// ------------------------------------------------------------------------------------------------------------- levels
export const staffed = (figures) => figures.agents_available + figures.agents_on_contact > 0;
export const isIdle = (figures) => !figures.waiting && !figures.in_progress && !staffed(figures) && !figures.agents_paused;
export const noAgent = (figures) => figures.waiting > 0 && figures.agents_available !== null && !staffed(figures);
export const waited = (figures) => lasted(figures.oldest_waiting_at, figures.channel);

/**
 * Return the levels of all marked figures of a queue. While it is closed, only waiting contacts are marked, not the rates of the
 * day.
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

/** Return the levels of all queues of a channel together; waiting contacts and waits are judged for each queue. */
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

/** Return the level of a queue on all pages: the highest level of its figures. */
export const levelOfQueue = (levels) => Math.max(...Object.values(levels));

/** Return the level of the figures of now, on which the service can act. */
const acute = (levels) => Math.max(levels.waiting, levels.longest, levels.available);

export function isChannelClosed(channel, board) {
  const queues = board.queues.filter((queue) => queue.channel === channel);
  return queues.length > 0 && queues.every(isClosed);
}

/** Return the level of all queues of a channel together: the highest of their levels and of the rates of the day. */
export function levelOfChannel(channel, board) {
  const all = levelOfQueue(levelsOfAll(sumOf(channel, board), board));
  const queues = board.queues.filter((queue) => queue.channel === channel);
  return Math.max(all, ...queues.map((queue) => levelOfQueue(levelsOf(queue, queue.thresholds, board))));
}

/** Return the symbol and the word of a level; empty without a level. */
export const stateOf = (level) => (level === null ? ["", ""] : [SYMBOLS[level], texts[NAMES[level]]]);
export const idle = ["○", texts.idle];
export const shut = ["○", texts.shut];

// -------------------------------------------------------------------------------------------------------------- table
const AGENTS = ["available", "on_contact", "paused"];
const agents = (number) => (number === null ? "–" : format.count(number));
// Rounded like in reports; a wait that still runs shows only whole seconds that have passed.
const mean = (seconds) => duration(seconds === null ? null : Math.round(seconds));

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
  ["mean_wait", (f) => mean(f.today.mean_wait_seconds)],
  ["mean_handle", (f) => mean(f.today.mean_handle_seconds)],
];
export const COLUMN = Object.fromEntries(COLUMNS);
const NOW = ["waiting", "longest", "in_progress", ...AGENTS];
export const SHARES = {
  abandonment: (f, board) => [f.today.abandonment, board.abandonment],
  service: (f, board) => [f.today.service_level, board.service_level],
  recent: (f, board) => [f.recent_service_level, board.service_level],
};
/** Return whether a figure is a share of too few contacts for a mark. */
export const isOfFew = (name, figures, board) => name in SHARES && isSmall(SHARES[name](figures, board)[0]);

const phone = matchMedia("(max-width: 40rem)"); // as in board_layouts.css
const HEADINGS = { service: "level_short", recent: "level_recent" }; // others: the key is the name
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

/** Return the explanation of a figure of a queue, or of all calls together; `name` is that of a column. */
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
    means: formulas[name] && t(formulas[name], limits),
    levels: name === "abandoned" ? describeShort(queue, board) : describeLimits(limitsOf(name, queue, board)),
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

function limitsOf(name, queue, board) {
  if (name in SHARES) {
    const limits = SHARES[name](queue, board)[1];
    const percents = mapValues(limits, (limit) => format.percent({ numerator: limit, denominator: 1 }));
    return t(limits.action < limits.attention ? "below" : "from", percents);
  }
  return queue.thresholds && ["waiting", "longest"].includes(name) ? reasonFor(name, queue, board) : "";
}

/** Return the number of short abandons in words; the rate does not count them. */
function describeShort({ today }, board) {
  return t("abandoned_of_short", counts({ short: today.abandoned_short, limit: board.short_abandon_seconds }));
}

export const describeLimits = (words) => (words ? t("levels_of", { words }) : "");

/** Return in words the thresholds of a figure, or why a share has no mark. */
export function reasonFor(name, queue, board) {
  if (name === "waiting") return t("from", counts(queue.thresholds.waiting));
  if (name === "longest") return t("from", mapValues(queue.thresholds.longest_wait_seconds, duration));
  if (AGENTS.includes(name) && queue.agents_available === null) return texts.agents_unknown;
  if (name === "abandoned") return describeShort(queue, board);
  if (!(name in SHARES)) return "";
  const [ratio] = SHARES[name](queue, board);
  if (!ratio.denominator) return texts[`no_${queue.channel}_yet`];
  const sample = t("sample", counts(ratio));
  if (isSmall(ratio)) return t(`small_sample_${queue.channel}`, { sample });
  if (isClosed(queue)) return `${sample} – ${texts.shut.toLowerCase()}`;
  return `${sample} – ${limitsOf(name, queue, board)}`;
}

/**
 * Return the state of a queue with this level (`levelOfQueue`): a symbol for the level, and a word for the level or its cause. For a
 * closed queue, a level for contacts that still wait comes first; without a level, the contacts present follow the word "closed".
 */
export function stateOfQueue(queue, level) {
  if (!areCurrent(queue.channel)) return ["", "–"];
  const state = noAgent(queue) ? [SYMBOLS[ACTION], texts.no_agent] : stateOf(level);
  if (isClosed(queue)) return level ? [...state, texts.shut.toLowerCase()] : [...shut, describeInside(queue)[0]];
  return isIdle(queue) && !level ? idle : state;
}

function showRow(entry, queue, board) {
  const levels = levelsOf(queue, queue.thresholds, board);
  Object.assign(entry, { queue, board });
  const [, state, ...cells] = entry.row.children;
  nameRow(entry.row, nameOf(queue) || texts.no_name); // may change: the site is added once another site has a queue of the same name
  const level = levelOfQueue(levels);
  const [symbol, word] = stateOfQueue(queue, level); // the columns show the contacts present while it is closed
  mark(entry.row, level);
  point(entry.row, queue.service);
  entry.row.classList.toggle("idle", isIdle(queue));
  entry.row.classList.toggle("inside", isClosed(queue) && queue.in_progress > 0);
  write(state.firstChild, symbol);
  write(state.lastChild, word);
  explain(state, [openingOf(queue), ...(isClosed(queue) ? describeInside(queue) : [])].filter(Boolean).join(", "));
  COLUMNS.forEach(([name, text], index) => {
    const cell = cells[index];
    write(cell.firstChild, text(queue));
    mark(cell, levels[name] ?? NORMAL);
    cell.classList.toggle("few", isOfFew(name, queue, board));
    explain(cell, reasonFor(name, queue, board));
  });
}

/** Return the queues in display order: on a phone, which shows few rows, those of each channel that need action come first. */
function arrange(board) {
  if (!phone.matches) return board.queues;
  const levels = new Map(board.queues.map((queue) => [queue, acute(levelsOf(queue, queue.thresholds, board))]));
  const byLevel = (one, other) => levels.get(other) - levels.get(one);
  const channels = [...new Set(board.queues.map(({ channel }) => channel))];
  const groups = channels.map((name) => board.queues.filter(({ channel }) => channel === name).sort(byLevel));
  return groups.sort(([one], [other]) => byLevel(one, other)).flat();
}

/** Show all queues; the names of channels only if other channels than calls exist. */
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
