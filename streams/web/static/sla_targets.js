// SLA targets: their states, overdue contacts, and next deadlines in working time. The server computes working time, since it
// depends on the calendars.

import { explainedCell, giveStop, rove } from "./explaining.js";
import { duration } from "./format.js";
import { ACTION, ATTENTION, NORMAL, SYMBOLS, isSmall, levelOfShare, mark } from "./levels.js";
import { $, QUEUED, Rows, addHead, areCurrent, counts, explain, format, lasted, make } from "./page.js";
import { nameOf, nameRow, now, point, t, texts, write } from "./page.js";

// --------------------------------------------------------------------------------------------------------------- words
export const MIDNIGHT = "00:00";
const FIVE_MINUTES = 300_000; // resolution of the deadlines, in milliseconds
const clockOf = ({ clock }) => texts[`clock_${clock}`] ?? clock;
const channelOf = ({ channel }) => (channel === "form" ? texts.short_form : texts[`channel_${channel}`]);
export const targetName = (target) => t("sla_target_of", { channel: channelOf(target), clock: clockOf(target).toLowerCase() });

/** Return working time in words: in days, or in hours and minutes where there is no whole day. */
function describeWorkingTime({ days, seconds }) {
  if (days) return t(days > 1 ? "working_days" : "working_day", { n: format.count(days) });
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return t((hours || minutes) > 1 ? "working_times" : "working_time", { time: format.hours(hours, minutes) });
}

/** Return the time since or until `at` in words: in working time, if the target counts that. */
function describeTime(at, workingTime, channel) {
  if (workingTime) return describeWorkingTime(workingTime);
  const seconds = Math.abs(now() - at) / 1000;
  return QUEUED.includes(channel) ? duration(seconds) : format.age(seconds);
}

function describeState({ state, due_at, working_time, channel }) {
  if (state !== "overdue" && due_at < now() + FIVE_MINUTES) return texts.due_now;
  if (state === "overdue" && working_time && !working_time.days && working_time.seconds < 60) return texts.late;
  return t(STATES[state].words, { time: describeTime(due_at, working_time, channel) });
}

export function describeLeft({ due_at, working_time, channel }) {
  return due_at < now() + FIVE_MINUTES ? texts.due_now : describeTime(due_at, working_time, channel);
}

/** Return the time of a deadline in words; midnight is the end of a day. */
function describeDue({ due_at, number, state }) {
  const [time, isMidnight] = [format.hour(due_at), format.hour(due_at) === MIDNIGHT];
  const at = isMidnight ? due_at - 1 : due_at;
  const date = format.isToday(at, now()) ? texts.chart_today : format.date(at, now());
  const isFirst = number > 1 && (state === "overdue" || date !== texts.chart_today);
  return t(isMidnight ? "due_on" : isFirst ? "due_from" : "due_at", { date, time });
}

// ---------------------------------------------------------------------------------------------------- states of SLA targets
const COLUMNS = [
  ["running", (f) => format.count(f.running)],
  ["at_risk", (f) => format.count(f.at_risk)],
  ["overdue", (f) => format.count(f.overdue)],
  ["paused", (f) => format.count(f.paused)],
  ["longest_overdue", (f) => (lasted(f.oldest_overdue_at, f.channel) === null ? "–" : describeTime(f.oldest_overdue_at, f.overdue_by, f.channel))],
  ["kept", (f) => format.percent(f.kept)],
];
export const COLUMN = Object.fromEntries(COLUMNS);
export const LEVELS = {
  at_risk: (f) => (f.at_risk ? ATTENTION : NORMAL),
  overdue: (f) => (f.overdue ? ACTION : NORMAL),
  kept: (f) => (f.objective === null ? NORMAL : levelOfShare(f.kept, { attention: f.objective, action: -1 })),
};
const standing = new Rows($("targets-rows"), makeStanding);

rove($("targets-rows"));

/** Return the explanation of a figure of an SLA target; `name` is that of a column. */
export function aboutTarget(name, target) {
  const { policy, clock, channel } = target;
  return {
    figure: `sla_targets_${name}`,
    title: `${targetName(target)} – ${texts[name]}`,
    value: COLUMN[name](target),
    ratio: name === "kept" ? target.kept : undefined,
    when: name === "kept" ? "of_today" : "of_now",
    levels: name === "kept" && target.objective !== null ? describeObjective(target) : "",
    place: { channel: "sla", queue: `${policy}:${clock}:${channel}` },
  };
}

function makeStanding() {
  const row = make("tr", "row");
  const entry = { row };
  addHead(row);
  for (const [name] of COLUMNS) {
    const cell = make("td", "cell", `number ${name}`);
    cell.dataset.heading = texts[name];
    cell.append(explainedCell(() => aboutTarget(name, entry.target)));
    row.append(cell);
  }
  return entry;
}

function showStanding(entry, target, isTwice) {
  const { row } = entry;
  entry.target = target;
  const [head, ...cells] = row.children;
  nameRow(row, isTwice(target) ? `${targetName(target)} (${target.policy})` : targetName(target));
  explain(head, target.policy);
  COLUMNS.forEach(([name, text], index) => {
    const cell = cells[index];
    write(cell.firstChild, text(target));
    mark(cell, areCurrent(target.channel) && name in LEVELS ? LEVELS[name](target) : NORMAL);
    if (name === "kept") {
      cell.classList.toggle("few", isSmall(target.kept));
      explain(cell, explainKept(target));
    }
  });
}

const describeObjective = ({ objective }) => t("objective", { share: format.wholePercent({ numerator: objective, denominator: 1 }) });

function explainKept(target) {
  const of = t("kept_of", counts(target.kept));
  return target.objective === null ? of : `${of} ${describeObjective(target)}`;
}

// ------------------------------------------------------------------------------------------------------------ deadlines
const STATES = {
  overdue: { level: ACTION, words: "late_by" },
  at_risk: { level: ATTENTION, words: "at_risk_left" },
  running: { level: NORMAL, words: "time_left" },
};
const wall = matchMedia("(min-width: 100rem) and (min-height: 50rem)"); // as in board_layouts.css
const phone = matchMedia("(max-width: 40rem)"); // as in board_layouts.css
const FEWEST_LINES = 2;
const LINES_OF_PHONE = 6;
const EDGE = 6; // free pixels below the last row
const deadlines = new Rows($("deadlines-rows"), ({ item, heading }) => (item ? makeDeadline() : makeHeading(heading)));
const keyOfDeadline = ({ heading, item }) =>
  item ? JSON.stringify([item.service, item.policy, item.clock, item.channel, item.state === "overdue" || item.due_at]) : (heading ?? "more");

/** Make a row with a single cell: the heading of the following rows, or a note below them. */
function makeHeading(heading) {
  const row = make("tr", "row", heading ? "channel" : "more");
  const head = make("th", "rowheader");
  head.scope = heading ? "rowgroup" : "row";
  head.colSpan = 5;
  head.textContent = texts[heading] ?? "";
  row.append(head);
  return { row };
}

function makeDeadline() {
  const row = make("tr", "row", "open");
  const head = make("th", "rowheader");
  head.scope = "row";
  row.append(head);
  for (const name of ["sla_target", "number", "deadline", "working"]) {
    const cell = make("td", "cell", name);
    cell.dataset.heading = texts[name];
    cell.append(...(name === "working" ? ["symbol", "word"].map(makePart) : [document.createElement("span")]));
    row.append(cell);
  }
  return { row };
}

function makePart(name) {
  const part = document.createElement("span");
  part.className = name;
  if (name === "symbol") part.ariaHidden = "true";
  return part;
}

function showDeadline({ row }, item) {
  const [head, target, number, deadline, working] = row.children;
  const { level } = STATES[item.state];
  const isKnown = areCurrent(item.channel);
  mark(row, isKnown ? level : NORMAL);
  point(row, item.service);
  write(head, nameOf(item) || texts.no_service);
  write(target.firstChild, targetName(item));
  write(number.firstChild, format.count(item.number));
  write(deadline.firstChild, describeDue(item));
  write(working.firstChild, isKnown ? SYMBOLS[level] : "");
  write(working.lastChild, isKnown ? describeState(item) : "–");
  explain(working, describeDue(item));
}

function showLine(entry, { item, more, contacts }) {
  if (item) showDeadline(entry, item);
  if (more) write(entry.row.firstChild, t("more_late", counts({ n: more, contacts })));
}

const headingsOf = ({ overdue, due }) => [overdue, due].filter((lines) => lines.length).length;

/** Return the number of rows needed for all targets and deadlines. */
export function countRows({ promises: targets }) {
  return targets.standing.length + headingsOf(targets) + targets.overdue.length + targets.due.length;
}

/** Return how many rows of deadlines fit: the rest of `room`, or more if the panel is higher than its rows. */
function countRoom(room) {
  const standing = $("targets-rows");
  const left = room - standing.children.length;
  const row = standing.lastElementChild?.getBoundingClientRect().height;
  if (!row || !document.body.hasAttribute("data-many")) return left;
  const { bottom } = $("targets").getBoundingClientRect();
  return Math.max(left, Math.floor((bottom - $("deadlines-table").getBoundingClientRect().top - EDGE) / row));
}

/** Return the deadlines that fit, half of them overdue; a further line shows the number of omitted overdue ones. */
function choose(targets, room) {
  const { overdue, due } = targets;
  const all = phone.matches ? LINES_OF_PHONE : overdue.length + due.length;
  const most = wall.matches ? Math.max(FEWEST_LINES, countRoom(room) - headingsOf(targets)) : all;
  const share = Math.max(Math.ceil(most / 2), most - due.length);
  const isCut = targets.overdue_lines > share;
  const late = overdue.slice(0, isCut ? Math.min(share, most - 1) : share);
  const shown = late.reduce((sum, { number }) => sum + number, 0);
  const more = isCut ? [{ more: targets.overdue_lines - late.length, contacts: targets.overdue_contacts - shown }] : [];
  const next = due.slice(0, Math.max(0, most - late.length - more.length));
  const under = (heading, lines) => (lines.length ? [{ heading }, ...lines] : []);
  const asLines = (lines) => lines.map((item) => ({ item }));
  return [...under("late_heading", [...asLines(late), ...more]), ...under("due_heading", asLines(next))];
}

/** Show all SLA targets, or nothing without targets. `room` is the limit of rows on a wall. */
export function showTargets({ promises: targets }, room) {
  const isAny = targets.openings.length + targets.standing.length > 0;
  $("targets").hidden = $("targets-rules").hidden = !isAny;
  const nameIn = new Map();
  for (const target of targets.standing) nameIn.set(targetName(target), (nameIn.get(targetName(target)) ?? 0) + 1);
  const keyOf = ({ policy, clock, channel }) => JSON.stringify([policy, clock, channel]);
  const isTwice = (target) => nameIn.get(targetName(target)) > 1;
  standing.show(targets.standing, keyOf, (entry, target) => showStanding(entry, target, isTwice));
  giveStop($("targets-rows"));
  $("targets-table").hidden = !targets.standing.length;
  $("deadlines-table").hidden = !(targets.overdue.length + targets.due.length);
  deadlines.show(choose(targets, room), keyOfDeadline, showLine);
}
