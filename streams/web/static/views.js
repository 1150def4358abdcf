// What each view of the wall says, as data: pages, each a list of parts (parts.js). A view that has nothing to show has no page.

import { WRITTEN, levelOfOldest, promisesOfMatters } from "./alerts.js";
import { sayUsual, showDay } from "./day.js";
import { ATTENTION, NORMAL, SYMBOLS, levelOf } from "./levels.js";
import { sources, when } from "./live.js";
import { areCurrent, counts, format, lasted, nameOf, now, say, texts } from "./page.js";
import { COLUMN as PROMISED, LEVELS as PROMISE_LEVELS, aboutPromise, promiseOf, sayLeft } from "./promises.js";
import { COLUMN, aboutQueue, levelsOf, pressing, sayLimits, stateOf, stateOfQueue } from "./queues.js";

const ROWS = 8; // that find room on a page
const BARS = 6;
const NEVER = { attention: Infinity, action: Infinity };
/** Return items in as few pages as their rows need, none much emptier than others. */
function chunks(items, most) {
  const pages = Math.ceil(items.length / most);
  const size = Math.ceil(items.length / pages);
  return Array.from({ length: pages }, (_, index) => items.slice(index * size, (index + 1) * size));
}


// -------------------------------------------------------------------------------------------------------------- queues
const LEVEL_OF = { available: "available", service: "service", abandonment: "abandonment", waiting: "waiting", longest: "longest" };

function figureOfQueue(name, queue, board, levels, label = texts[name]) {
  return { label, value: COLUMN[name](queue), level: levels[LEVEL_OF[name]], about: aboutQueue(name, queue, board) };
}

/** Return the queues of a channel, with the columns of these names. */
function tableOfQueues(channel, names, board, rows) {
  const labels = { service: texts.level_short, abandonment: texts.abandonment_short, available: texts.agents_busy_of };
  const columns = [{ label: texts.queue, isName: true }, { label: texts.state, isWords: true }, ...names.map((name) => ({ label: labels[name] ?? texts[name] }))];
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const items = queues.map((queue) => {
    const levels = levelsOf(queue, queue.thresholds, board);
    const level = pressing(levels);
    return {
      key: JSON.stringify([queue.site, queue.service, queue.queue]),
      name: nameOf(queue) || texts.no_name,
      level,
      state: stateOfQueue(queue, level),
      cells: names.map((name) => figureOfQueue(name, queue, board, levels, labels[name])),
    };
  });
  return chunks(items, rows).map((some) => ({ kind: "table", columns, items: some }));
}

const phone = (board) => tableOfQueues("call", ["waiting", "longest", "available", "service", "abandonment"], board, ROWS).map((table) => [table]);

/** Return one figure of a channel that has queues: of all of them together. */
function sumOf(channel, board) {
  if (channel === "call") return { ...board.all, channel };
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const sum = (read) => queues.reduce((total, queue) => total + read(queue), 0);
  const ratio = (name) => ({ numerator: sum(({ today }) => today[name].numerator), denominator: sum(({ today }) => today[name].denominator) });
  const since = queues.map(({ oldest_waiting_at: at }) => at).filter((at) => at !== null);
  return {
    channel,
    waiting: sum(({ waiting }) => waiting),
    in_progress: sum(({ in_progress: some }) => some),
    agents_available: null,
    oldest_waiting_at: since.length ? Math.min(...since) : null,
    today: { received: sum(({ today }) => today.received), service_level: ratio("service_level"), abandonment: ratio("abandonment") },
    recent_service_level: { numerator: 0, denominator: 0 },
  };
}

function cardOfQueues(channel, board) {
  const queues = board.queues.filter((queue) => queue.channel === channel);
  if (!queues.length) return [];
  const all = sumOf(channel, board);
  const shares = levelsOf(all, { waiting: NEVER, longest_wait_seconds: NEVER }, board);
  const each = queues.map((queue) => levelsOf(queue, queue.thresholds, board));
  const most = (name) => Math.max(...each.map((levels) => levels[name]));
  const levels = { ...shares, waiting: most("waiting"), longest: most("longest") };
  const level = Math.max(levels.waiting, levels.longest);
  const figure = (name, label) => {
    const told = figureOfQueue(name, all, board, levels, label);
    return { ...told, about: { ...told.about, title: `${texts[`channel_${channel}`]} – ${told.label}`, place: { channel } } };
  };
  return [
    {
      key: channel,
      name: texts[`channel_${channel}`],
      level,
      state: areCurrent(channel) ? stateOf(level) : ["", "–"],
      main: figure("waiting"),
      rest: [figure("longest"), figure("service", texts.level_card), figure("received")],
    },
  ];
}

// ------------------------------------------------------------------------------------------------------------- matters
function aboutMatters(name, channel, value, told, levels = "") {
  const when = ["received", "closed", "first_response"].includes(name) ? "of_today" : "of_now";
  const title = [nameOf(told), texts[`channel_${channel}`], texts[name]].filter(Boolean).join(" – ");
  return { figure: `matters_${name}`, title, value, when, levels, place: { channel, service: told.service } };
}

const MATTERS = {
  to_do: (f) => format.count(f.waiting),
  oldest: (f, channel) => format.age(lasted(f.oldest_open_at, channel)),
  received: (f) => format.count(f.received),
  closed: (f) => format.count(f.closed),
};

function figureOfMatters(name, channel, told, board) {
  const value = MATTERS[name](told[channel], channel);
  const limits = board.backlog_age_seconds[channel];
  const isOldest = name === "oldest";
  const levels = isOldest ? sayLimits(say("from", { attention: format.age(limits.attention), action: format.age(limits.action) })) : "";
  const level = isOldest ? levelOfOldest(channel, told[channel], board) : NORMAL;
  return { label: texts[name], value, level, about: aboutMatters(name, channel, value, told, levels) };
}

function cardOfMatters(channel, board) {
  const all = board.all_services;
  if (!all[channel]) return [];
  const figure = (name) => figureOfMatters(name, channel, all, board);
  const oldest = figure("oldest");
  return [
    {
      key: channel,
      name: channel === "form" ? texts.short_form : texts[`channel_${channel}`],
      level: oldest.level,
      state: areCurrent(channel) ? stateOf(oldest.level) : ["", "–"],
      main: figure("to_do"),
      rest: [oldest, figure("received"), figure("closed")],
    },
  ];
}

function written(board) {
  const channels = WRITTEN.filter((channel) => board.all_services[channel]);
  if (!channels.length) return [];
  const short = { form: texts.short_form };
  const columns = [
    { label: texts.service, isName: true },
    ...channels.flatMap((channel) => ["to_do", "oldest"].map((name) => ({ label: `${short[channel] ?? texts[`channel_${channel}`]} – ${texts[name]}` }))),
  ];
  const services = board.services.filter((service) => channels.some((channel) => service[channel]));
  const all = services.length > 1 ? [{ ...board.all_services, label_fr: texts.all_services, label_en: texts.all_services }] : [];
  const row = (told) => ({
    key: JSON.stringify(told.service ?? null),
    name: nameOf(told) || texts.no_service,
    cells: channels.flatMap((channel) => ["to_do", "oldest"].map((name) => (told[channel] ? figureOfMatters(name, channel, told, board) : { value: "" }))),
  });
  return chunks([...all, ...services].map(row), ROWS - 1).map((items) => [{ kind: "table", columns, items }]);
}

// -------------------------------------------------------------------------------------------------------- appointments
const APPOINTMENTS = {
  waiting: (f) => f.waiting,
  booked: (f) => f.booked,
  attended: (f) => f.attended,
  missed: (f) => f.missed,
  cancelled: (f) => f.cancelled_by_citizen + f.cancelled_by_service,
  upcoming: (f) => f.upcoming,
};

function figureOfAppointments(name, told) {
  const value = format.count(APPOINTMENTS[name](told));
  const label = name === "waiting" ? texts.checked_in : texts[name];
  const when = ["waiting", "upcoming"].includes(name) ? "of_now" : "of_today";
  return { label, value, about: { figure: `appointments_${name}`, title: `${texts.channel_appointment} – ${label}`, value, when, place: { channel: "appointment" } } };
}

function cardOfAppointments({ all_services: { appointment } }, names) {
  if (!appointment) return [];
  const [main, ...rest] = names.map((name) => figureOfAppointments(name, appointment));
  return [{ key: "appointment", name: texts.channel_appointment, main, rest, state: areCurrent("appointment") ? ["", ""] : ["", "–"] }];
}

function desk(board) {
  const cards = cardOfAppointments(board, ["waiting", "attended", "missed", "cancelled", "booked", "upcoming"]);
  const rows = cards.length ? ROWS - 4 : ROWS;
  const tables = tableOfQueues("visit", ["waiting", "longest", "in_progress", "service", "abandonment"], board, rows);
  const below = cards.length ? [{ kind: "cards", items: cards }] : [];
  if (!tables.length) return below.length ? [below] : [];
  return tables.map((table) => [table, ...below]);
}

// ------------------------------------------------------------------------------------------------------------ promises
const STANDING = ["running", "at_risk", "overdue", "longest_overdue", "kept"];

function standing({ promises }) {
  const columns = [{ label: texts.promise, isName: true }, ...STANDING.map((name) => ({ label: texts[name] }))];
  const items = promises.standing.map((told) => ({
    key: JSON.stringify([told.policy, told.clock, told.channel]),
    name: promiseOf(told),
    cells: STANDING.map((name) => {
      const level = areCurrent(told.channel) ? PROMISE_LEVELS[name]?.(told) : NORMAL;
      return { value: PROMISED[name](told), level, about: aboutPromise(name, told) };
    }),
  }));
  return chunks(items, ROWS).map((some) => [{ kind: "table", columns, items: some }]);
}

/** Return the contacts at risk that fall due next: no more of each than who works on it needs to know it again. */
function atRisk({ promises }) {
  if (!promisesOfMatters({ promises }).length) return [];
  const title = { kind: "note", text: texts.at_risk_next };
  if (promises.next_at_risk === null) return [[title, { kind: "note", text: texts.at_risk_unread }]];
  if (!promises.next_at_risk.length) return [];
  const shown = promises.next_at_risk.slice(0, ROWS - 1);
  const WORDS = {
    deadline: ({ due_at }) => format.shortMoment(due_at, now()),
    promise: promiseOf,
    service: (told) => nameOf(told) || texts.no_service,
    ...(shown.some(({ queue }) => queue) ? { queue: ({ queue }) => queue || "–" } : {}),
    contact: ({ contact }) => `…${contact}`,
  };
  const columns = [{ label: texts.time_remaining, isName: true }, ...Object.keys(WORDS).map((name) => ({ label: texts[name], isWords: true }))];
  const items = shown.map((told) => ({
    key: JSON.stringify([told.contact, told.policy, told.clock, told.due_at]),
    name: areCurrent(told.channel) ? `${SYMBOLS[ATTENTION]} ${sayLeft(told)}` : "–",
    level: ATTENTION,
    cells: Object.entries(WORDS).map(([name, words]) => ({ value: words(told), isWords: true, title: name === "promise" ? told.policy : "" })),
  }));
  return [[title, { kind: "table", columns, items }]];
}

const deadlines = (board) => [...standing(board), ...atRisk(board)];

// -------------------------------------------------------------------------------------------------------- satisfaction
const partOf = (measure, value) => (measure === "nps" ? (value + 1) / 2 : value); // from 0 to 1
const writeScore = (measure, value) => (measure === "nps" ? format.signed(100 * value) : format.wholePercent({ numerator: value, denominator: 1 }));

function barOf(told) {
  const { measure, ratio, lower, upper, service, answers } = told;
  const whose = service === null ? texts.all_services : nameOf(told) || texts.no_service;
  const value = ratio === null ? "–" : writeScore(measure, ratio);
  const bounds = ratio !== null && { lower: writeScore(measure, lower), upper: writeScore(measure, upper) };
  const words = bounds ? say("interval_of", { ...bounds, n: format.count(answers) }) : say("too_few_answers", counts({ n: answers }));
  const name = `${whose} – ${texts[`measure_${measure}`]}`;
  const interval = bounds && { lower: partOf(measure, lower), at: partOf(measure, ratio), upper: partOf(measure, upper) };
  const place = { channel: "feedback", ...(service === null ? {} : { service }) };
  const levels = `${words.charAt(0).toUpperCase()}${words.slice(1)}. ${texts.wilson}`;
  return { key: JSON.stringify([service, measure]), name, value, words, interval, about: { figure: `opinions_${measure}`, title: name, value, when: "of_28_days", levels, place } };
}

/** Return all measures of all services together, and of each service the first of them. */
const satisfaction = (board) =>
  chunks(board.satisfaction.filter(({ service, measure }, _, [first]) => service === null || measure === first.measure).map(barOf), BARS).map((items) => [{ kind: "bars", items }]);

function cardOfSatisfaction({ satisfaction: [told] }) {
  if (!told || told.service !== null) return [];
  const bar = barOf(told);
  const isFew = told.ratio === null;
  const [low, high] = isFew ? ["–", "–"] : [told.lower, told.upper].map((bound) => writeScore(told.measure, bound));
  const small = (label, value) => ({ label, value, about: bar.about });
  return [
    {
      key: "feedback",
      name: texts.satisfaction_card,
      main: { label: texts[`measure_${told.measure}`], value: bar.value, about: bar.about },
      state: isFew ? ["○", texts.too_few_short] : ["", ""],
      rest: [small(texts.lower_bound, low), small(texts.upper_bound, high), small(texts.given, format.count(told.answers))],
    },
  ];
}

// ------------------------------------------------------------------------------------------------------------ overview
function cardOfPromises(board) {
  const standing = promisesOfMatters(board);
  if (!standing.length) return [];
  const sum = (name) => standing.reduce((total, told) => total + told[name], 0);
  const kept = ["numerator", "denominator"].map((part) => standing.reduce((total, told) => total + told.kept[part], 0));
  const ratio = { numerator: kept[0], denominator: kept[1] };
  const figure = (name, value, level) => ({
    label: texts[name],
    value,
    level,
    about: { figure: `promises_${name}`, title: `${texts.promises} – ${texts[name]}`, value, ratio: name === "kept" ? ratio : undefined, when: name === "kept" ? "of_today" : "of_now", place: { channel: "sla" } },
  });
  const level = areCurrent() ? levelOf(sum("overdue"), { attention: 1, action: 1 }) : NORMAL;
  const risk = areCurrent() && sum("at_risk") ? ATTENTION : NORMAL;
  return [
    {
      key: "promises",
      name: texts.promises,
      level,
      state: areCurrent() ? stateOf(Math.max(level, risk)) : ["", "–"],
      main: figure("overdue", format.count(sum("overdue")), level),
      rest: [figure("at_risk", format.count(sum("at_risk")), risk), figure("running", format.count(sum("running"))), figure("kept", format.percent(ratio))],
    },
  ];
}

function overview(board) {
  const items = [
    ...["call", "visit"].flatMap((channel) => cardOfQueues(channel, board)),
    ...WRITTEN.flatMap((channel) => cardOfMatters(channel, board)),
    ...cardOfAppointments(board, ["waiting", "attended", "missed", "upcoming"]),
    ...cardOfSatisfaction(board),
    ...cardOfPromises(board),
  ];
  return items.length ? [[{ kind: "cards", items }]] : [];
}

// ----------------------------------------------------------------------------------------------------------------- day
function day(board) {
  if (!board.queues.some(({ channel }) => channel === "call")) return [];
  const { usual } = board;
  const all = { ...board.all, channel: "call" };
  const shares = levelsOf(all, { waiting: NEVER, longest_wait_seconds: NEVER }, board);
  const figure = (name, label, key) => {
    const { about, ...told } = figureOfQueue(name, all, board, shares, label);
    const main = { ...told, about: { ...about, title: label, place: { channel: "call" } } };
    return { key, name: "", main, rest: [], level: told.level };
  };
  const means = texts.means_queues_usual;
  const expected = (key, label, value, words) => ({
    key,
    name: "",
    main: { label, value, about: { figure: "queues_usual", title: label, value, means, levels: [words, sayUsual(usual)].filter(Boolean).join(" ") } },
    rest: [],
    note: words,
  });
  const round = (number) => format.count(Math.round(number));
  const items = [
    figure("received", texts.calls_so_far, "received"),
    usual
      ? expected("now", texts.usual_now, round(usual.by_now), "")
      : expected("none", texts.usual_now, "–", texts.no_history),
    ...(usual ? [expected("rest", texts.still_to_come, round(usual.rest), say("between", { low: round(usual.low), high: round(usual.high) }))] : []),
    figure("service", texts.level_short, "service"),
    figure("abandonment", texts.abandonment_short, "abandonment"),
  ];
  return [[{ kind: "cards", items }, { kind: "moved", id: "day", draw: () => showDay(board) }]];
}

// ------------------------------------------------------------------------------------------------------------- sources
function pipeline(board) {
  const columns = [{ label: texts.source, isName: true }, { label: texts.state, isWords: true }, { label: texts.last_came, isWords: true }];
  const known = sources();
  const rows = known.map(({ channel, site, until, isQuiet, isJudged }) => {
    const state = !areCurrent(channel) ? ["▲", texts.reading_history] : isQuiet ? [SYMBOLS[ATTENTION], texts.quiet_source] : isJudged ? stateOf(NORMAL) : ["○", texts.shut];
    const value = until === null ? texts.nobody_today : format.hour(Math.min(until, now())); // five minutes are told by their end
    return { key: JSON.stringify([channel, site]), name: [texts[`channel_${channel}`], site].filter(Boolean).join(" – "), level: isQuiet || !areCurrent(channel) ? ATTENTION : NORMAL, state, cells: [{ value, isWords: true }] };
  });
  const others = Object.entries(board.history)
    .filter(([channel]) => !known.some((source) => source.channel === channel))
    .map(([channel, at]) => ({ key: channel, name: texts[`channel_${channel}`], level: ATTENTION, state: [SYMBOLS[ATTENTION], texts.reading_history], cells: [{ value: say("behind", { when: when(at) }), isWords: true }] }));
  const items = [...rows, ...others];
  return items.length ? chunks(items, ROWS).map((some) => [{ kind: "table", columns, items: some }]) : [];
}

export const VIEWS = { overview, phone, day, written, deadlines, desk, satisfaction, sources: pipeline };
