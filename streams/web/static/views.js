// Contents of the views of the wall as data: pages, each a list of parts (parts.js). A view without content has no page.

import { barOf, cardOfAppointments, cardOfMatters, cardOfQueues, cardOfSatisfaction, cardOfTargets } from "./cards.js";
import { figureOfMatters, figureOfQueue, labelOfCases } from "./cards.js";
import { describeUsual, showDay } from "./day.js";
import { ATTENTION, NORMAL, SYMBOLS, isSmall } from "./levels.js";
import { sources, when } from "./live.js";
import { $, QUEUED, WRITTEN, areCurrent, counts, format, nameOf, now, t, texts } from "./page.js";
import { columnsOfReasons } from "./reasons.js";
import { COLUMN as TARGETS, LEVELS as TARGET_LEVELS, MIDNIGHT, aboutTarget, targetName, describeLeft } from "./sla_targets.js";
import { levelOfQueue, levelsOf, levelsOfAll, shut, stateOf, stateOfQueue, sumOf } from "./queues.js";

// ---------------------------------------------------------------------------------------------------------------- room
// How many items fit a view. Style sheets define the heights of parts in rem, unless the page scrolls.

const SCROLLED = 8; // items on a page that scrolls
const FEWEST = 3;
const style = getComputedStyle(document.documentElement);
const height = (part) => Number(style.getPropertyValue(`--${part}-height`));

/** Return the height in rem below the title of a view and the parts named in `others`. */
function roomBeside(...others) {
  const all = $("views").clientHeight / parseFloat(style.fontSize);
  return ["title", ...others].reduce((left, part) => left - height(part), all);
}

const countIn = (room, part) => (height(part) ? Math.max(FEWEST, Math.floor(room / height(part))) : SCROLLED);

/** Distribute items evenly over the smallest number of pages. */
function chunks(items, most) {
  const pages = Math.ceil(items.length / most);
  const size = Math.ceil(items.length / pages);
  return Array.from({ length: pages }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Return the tables for items that share each page with `others`, the names of its head and further parts. */
function tablesOf(columns, items, ...others) {
  const room = roomBeside(...others);
  return chunks(items, countIn(room, "row")).map((some) => ({ kind: "table", columns, items: some, room }));
}

// -------------------------------------------------------------------------------------------------------------- queues
/** Return the queues of a channel, with the named columns. */
function tablesOfQueues(channel, names, board, ...others) {
  const labels = { service: texts.level_short, available: texts.agents_available };
  const columns = [{ label: texts.queue, isName: true }, { label: texts.state, isWords: true }, ...names.map((name) => ({ label: labels[name] ?? texts[name] }))];
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const items = queues.map((queue) => {
    const levels = levelsOf(queue, queue.thresholds, board);
    const level = levelOfQueue(levels);
    return {
      key: JSON.stringify([queue.site, queue.service, queue.queue]),
      name: nameOf(queue) || texts.no_name,
      level,
      state: stateOfQueue(queue, level),
      cells: names.map((name) => figureOfQueue(name, queue, board, levels, labels[name])),
    };
  });
  return tablesOf(columns, items, "head", ...others);
}

const phone = (board) => tablesOfQueues("call", ["waiting", "longest", "available", "service", "abandonment"], board).map((table) => [table]);

// ------------------------------------------------------------------------------------------------------------- cases
function written(board) {
  const channels = WRITTEN.filter((channel) => board.all_services[channel]);
  if (!channels.length) return [];
  const short = { form: texts.short_form };
  const columns = [
    { label: texts.service, isName: true },
    ...channels.flatMap((channel) => ["open", "oldest"].map((name) => ({ label: `${short[channel] ?? texts[`channel_${channel}`]} –\n${labelOfCases(name)}` }))),
  ];
  const services = board.services.filter((service) => channels.some((channel) => service[channel]));
  const all = services.length > 1 ? [{ ...board.all_services, label_fr: texts.all_services, label_en: texts.all_services }] : [];
  const row = (figures) => ({
    key: JSON.stringify(figures.service ?? null),
    name: nameOf(figures) || texts.no_service,
    cells: channels.flatMap((channel) => ["open", "oldest"].map((name) => (figures[channel] ? figureOfMatters(name, channel, figures, board) : { value: "" }))),
  });
  return tablesOf(columns, [...all, ...services].map(row), "head").map((table) => [table]);
}

// -------------------------------------------------------------------------------------------------------- appointments
function desk(board) {
  const cards = cardOfAppointments(board, ["waiting", "attended", "missed", "cancelled", "booked", "upcoming"]);
  const others = cards.length ? ["card"] : [];
  const tables = tablesOfQueues("visit", ["waiting", "longest", "in_progress", "service", "abandonment"], board, ...others);
  const below = cards.length ? [{ kind: "cards", items: cards }] : [];
  if (!tables.length) return below.length ? [below] : [];
  return tables.map((table) => [table, ...below]);
}

// ------------------------------------------------------------------------------------------------------------ SLA targets
const STANDING = ["running", "at_risk", "overdue", "longest_overdue", "kept"];

function standing({ promises: targets }) {
  const columns = [{ label: texts.sla_target, isName: true }, ...STANDING.map((name) => ({ label: texts[name] }))];
  const items = targets.standing.map((target) => ({
    key: JSON.stringify([target.policy, target.clock, target.channel]),
    name: targetName(target),
    cells: STANDING.map((name) => {
      const level = areCurrent(target.channel) ? TARGET_LEVELS[name]?.(target) : NORMAL;
      return { value: TARGETS[name](target), level, isOfFew: name === "kept" && isSmall(target.kept), about: aboutTarget(name, target) };
    }),
  }));
  return tablesOf(columns, items, "line").map((table) => [table]);
}

const SETTLED_MS = 5_000; // figures and contacts at risk are read separately, so one may be ahead for a moment
let unknown = []; // [time, number] of the last messages

/** Record the number of unknown contacts at risk, and return the lowest of the last `SETTLED_MS`. */
function countUnknown({ at_risk_unknown: number }) {
  unknown = [...unknown.filter(([at]) => now() - at < SETTLED_MS), [now(), number]];
  return Math.min(...unknown.map(([, some]) => some));
}

/** Return the contacts at risk with the next deadlines, with only what their agents need to recognise them. */
function atRisk({ promises: targets }) {
  if (!targets.standing.some(({ channel }) => !QUEUED.includes(channel))) return [];
  const title = { kind: "note", text: texts.at_risk_next };
  if (targets.next_at_risk === null) return [[title, { kind: "note", text: texts.at_risk_unread }]];
  const number = countUnknown(targets);
  const more = number ? [{ kind: "note", text: t("at_risk_unknown", counts({ n: number })) }] : [];
  if (!targets.next_at_risk.length) return more.length ? [[title, ...more]] : [];
  const others = ["line", "note", ...more.map(() => "note")];
  const shown = targets.next_at_risk.slice(0, countIn(roomBeside(...others), "row"));
  const WORDS = {
    sla_target: targetName,
    deadline: ({ due_at }) => format.shortMoment(format.hour(due_at) === MIDNIGHT ? due_at - 1 : due_at, now()), // midnight is the end of a day
    service: (item) => nameOf(item) || texts.no_service,
    ...(shown.some(({ queue }) => queue) ? { queue: ({ queue }) => queue || "–" } : {}),
    contact: ({ contact }) => `…${contact}`,
  };
  const columns = [{ label: texts.time_remaining, isName: true }, ...Object.keys(WORDS).map((name) => ({ label: texts[name], isWords: true }))];
  const items = shown.map((item) => ({
    key: JSON.stringify([item.contact, item.policy, item.clock, item.due_at, item.channel, item.site, item.service, item.queue]),
    name: areCurrent(item.channel) ? `${SYMBOLS[ATTENTION]} ${describeLeft(item)}` : "–",
    level: ATTENTION,
    cells: Object.entries(WORDS).map(([name, words]) => ({ value: words(item), isWords: true, title: name === "sla_target" ? item.policy : "" })),
  }));
  return tablesOf(columns, items, ...others).map((table) => [title, table, ...more]);
}

const deadlines = (board) => [...standing(board), ...atRisk(board)];

// -------------------------------------------------------------------------------------------------------- satisfaction
const satisfaction = (board) => chunks(board.satisfaction.map(barOf), countIn(roomBeside(), "bar")).map((items) => [{ kind: "bars", items }]);

// ------------------------------------------------------------------------------------------------- reasons for contact
function reasons({ reasons: items }) {
  if (!items.length) return [];
  const columns = columnsOfReasons(items);
  const rows = items.map((item) => ({
    key: item.reason,
    name: nameOf(item),
    cells: columns.map(({ figure, heading, text, place }) => {
      const title = `${nameOf(item)} – ${heading}`;
      const value = text(item);
      return { value, about: figure ? { figure, title, value, when: "of_today", levels: "", place: place(item) } : undefined };
    }),
  }));
  const headings = [{ label: texts.reason, isName: true }, ...columns.map(({ heading }) => ({ label: heading }))];
  return tablesOf(headings, rows, "line").map((table) => [table]);
}

// ------------------------------------------------------------------------------------------------------------ overview
function overview(board) {
  const items = [
    ...QUEUED.flatMap((channel) => cardOfQueues(channel, board)),
    ...WRITTEN.flatMap((channel) => cardOfMatters(channel, board)),
    ...cardOfAppointments(board, ["waiting", "attended", "missed", "upcoming"]),
    ...cardOfSatisfaction(board),
    ...cardOfTargets(board),
  ];
  return items.length ? [[{ kind: "cards", items }]] : [];
}

// ----------------------------------------------------------------------------------------------------------------- day
function day(board) {
  if (!board.queues.some(({ channel }) => channel === "call")) return [];
  const { usual } = board;
  const all = sumOf("call", board);
  const shares = levelsOfAll(all, board);
  const figure = (name, label, key) => {
    const { about, ...figure } = figureOfQueue(name, all, board, shares, label);
    const main = { ...figure, about: { ...about, title: label, place: { channel: "call" } } };
    return { key, name: "", main, rest: [], level: figure.level };
  };
  const means = texts.means_queues_usual;
  const expected = (key, label, value, words) => ({
    key,
    name: "",
    main: { label, value, about: { figure: "queues_usual", title: label, value, means, levels: [words, describeUsual(usual)].filter(Boolean).join(" ") } },
    rest: [],
    note: words,
  });
  const round = (number) => format.count(Math.round(number));
  const items = [
    figure("received", texts.calls_so_far, "received"),
    usual
      ? expected("now", texts.usual_now, round(usual.by_now), "")
      : expected("none", texts.usual_now, "–", texts.no_history),
    ...(usual ? [expected("rest", texts.still_to_come, round(usual.rest), t("between", { low: round(usual.low), high: round(usual.high) }))] : []),
    figure("service", texts.level_short, "service"),
    figure("abandonment", texts.abandonment, "abandonment"),
  ];
  return [[{ kind: "cards", items }, { kind: "moved", id: "day", draw: () => showDay(board) }]];
}

// ------------------------------------------------------------------------------------------------------------- sources
const CAME = { // channel without queues → arrivals today
  ...Object.fromEntries(WRITTEN.map((channel) => [channel, ({ received }) => received])),
  appointment: ({ booked }) => booked,
  feedback: ({ given }) => given,
};

/** Return a row for each channel without a limit of silence. */
function unwatched({ all_services: all }, isKnown) {
  const channels = Object.keys(CAME).filter((channel) => all[channel] && !isKnown(channel));
  return channels.map((channel) => {
    const number = CAME[channel](all[channel]);
    const value = number ? t("came_today", counts({ n: number })) : texts.nothing_today;
    const name = texts[channel === "feedback" ? "opinions" : `channel_${channel}`];
    return { key: channel, name, level: NORMAL, state: areCurrent() ? ["○", texts.not_watched] : ["", "–"], cells: [{ value, isWords: true }] };
  });
}

function pipeline(board) {
  const columns = [{ label: texts.source, isName: true }, { label: texts.state, isWords: true }, { label: texts.last_came, isWords: true }];
  const known = sources();
  const rows = known.map(({ channel, site, until, isQuiet, isJudged }) => {
    const isRead = channel in board.history;
    const state = !areCurrent() ? ["", "–"] : isRead ? [SYMBOLS[ATTENTION], texts.reading_history] : isQuiet ? [SYMBOLS[ATTENTION], texts.quiet_source] : isJudged ? stateOf(NORMAL) : shut;
    const value = until === null ? texts.nobody_today : format.hour(Math.min(until, now())); // `until` is the end of five minutes
    return { key: JSON.stringify([channel, site]), name: [texts[`channel_${channel}`], site].filter(Boolean).join(" – "), level: areCurrent() && (isQuiet || isRead) ? ATTENTION : NORMAL, state, cells: [{ value, isWords: true }] };
  });
  const others = Object.entries(board.history)
    .filter(([channel]) => !known.some((source) => source.channel === channel))
    .map(([channel, at]) => ({ key: channel, name: texts[`channel_${channel}`], level: ATTENTION, state: [SYMBOLS[ATTENTION], texts.reading_history], cells: [{ value: t("behind", { when: when(at) }), isWords: true }] }));
  const rejected = Object.entries(board.rejected).map(([name, n]) => ({
    key: `rejected ${name}`, name, level: ATTENTION, state: [SYMBOLS[ATTENTION], texts.rejects_records], cells: [{ value: t("came_today", counts({ n })), isWords: true }],
  }));
  const more = unwatched(board, (channel) => channel in board.history || known.some((source) => source.channel === channel));
  const notes = more.length ? [{ kind: "note", text: texts.not_watched_rule }] : [];
  const items = [...rejected, ...rows, ...others, ...more];
  return tablesOf(columns, items, "line", ...notes.map(({ kind }) => kind)).map((table) => [table, ...notes]);
}

export const VIEWS = { overview, phone, day, written, deadlines, desk, reasons, satisfaction, sources: pipeline };
