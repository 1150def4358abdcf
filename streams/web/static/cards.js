// Figures and cards of the wall: each card shows a channel, the SLA targets or the satisfaction by one main figure and three more.

import { currentTargets, levelOfOldest } from "./alerts.js";
import { NORMAL, isSmall } from "./levels.js";
import { areCurrent, counts, format, lasted, nameOf, t, texts } from "./page.js";
import { LEVELS as TARGETS } from "./sla_targets.js";
import { COLUMN, aboutQueue, isChannelClosed, isOfFew, levelOfChannel, levelsOf, levelsOfAll, describeLimits, shut, stateOf, sumOf } from "./queues.js";

const LEVEL_OF = { available: "available", service: "service", abandonment: "abandonment", waiting: "waiting", longest: "longest" };

/** Return one figure of a queue, with its level and its explanation. */
export function figureOfQueue(name, queue, board, levels, label = texts[name]) {
  const level = levels[LEVEL_OF[name]];
  return { label, value: COLUMN[name](queue), level, isOfFew: isOfFew(name, queue, board), about: aboutQueue(name, queue, board) };
}

export function cardOfQueues(channel, board) {
  const queues = board.queues.filter((queue) => queue.channel === channel);
  if (!queues.length) return [];
  const all = sumOf(channel, board);
  const shares = levelsOfAll(all, board);
  const each = queues.map((queue) => levelsOf(queue, queue.thresholds, board));
  const most = (name) => Math.max(...each.map((levels) => levels[name]));
  const levels = { ...shares, waiting: most("waiting"), longest: most("longest") };
  const level = levelOfChannel(channel, board);
  const figure = (name, label) => {
    const main = figureOfQueue(name, all, board, levels, label);
    return { ...main, about: { ...main.about, title: `${texts[`channel_${channel}`]} – ${main.label}`, place: { channel } } };
  };
  return [
    {
      key: channel,
      name: texts[`channel_${channel}`],
      level,
      state: !areCurrent(channel) ? ["", "–"] : isChannelClosed(channel, board) && !level ? shut : stateOf(level),
      main: figure("waiting"),
      rest: [figure("longest"), figure("service", texts.level_card), figure("received")],
    },
  ];
}

// ------------------------------------------------------------------------------------------------------------- cases
export const labelOfCases = (name) => texts[name === "open" ? "open_matters" : name];

function aboutMatters(name, channel, value, figures, levels = "") {
  const when = ["received", "closed", "first_response"].includes(name) ? "of_today" : "of_now";
  const title = [nameOf(figures), texts[`channel_${channel}`], labelOfCases(name)].filter(Boolean).join(" – ");
  return { figure: `matters_${name}`, title, value, when, levels, place: { channel, service: figures.service } };
}

const MATTERS = {
  open: (f) => format.count(f.waiting + f.in_progress), // the cases to which the oldest belongs
  oldest: (f, channel) => format.age(lasted(f.oldest_open_at, channel)),
  received: (f) => format.count(f.received),
  closed: (f) => format.count(f.closed),
};

export function figureOfMatters(name, channel, figures, board) {
  const value = MATTERS[name](figures[channel], channel);
  const limits = board.backlog_age_seconds[channel];
  const isOldest = name === "oldest";
  const levels = isOldest ? describeLimits(t("from", { attention: format.age(limits.attention), action: format.age(limits.action) })) : "";
  const level = isOldest ? levelOfOldest(channel, figures[channel], board) : NORMAL;
  return { label: labelOfCases(name), value, level, about: aboutMatters(name, channel, value, figures, levels) };
}

export function cardOfMatters(channel, board) {
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
      main: figure("open"),
      rest: [oldest, figure("received"), figure("closed")],
    },
  ];
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

function figureOfAppointments(name, figures) {
  const value = format.count(APPOINTMENTS[name](figures));
  const label = name === "waiting" ? texts.checked_in : texts[name];
  const when = ["waiting", "upcoming"].includes(name) ? "of_now" : "of_today";
  return { label, value, about: { figure: `appointments_${name}`, title: `${texts.channel_appointment} – ${label}`, value, when, place: { channel: "appointment" } } };
}

export function cardOfAppointments({ all_services: { appointment } }, names) {
  if (!appointment) return [];
  const [main, ...rest] = names.map((name) => figureOfAppointments(name, appointment));
  return [{ key: "appointment", name: texts.channel_appointment, main, rest, state: areCurrent("appointment") ? ["", ""] : ["", "–"] }];
}

// -------------------------------------------------------------------------------------------------------- satisfaction
const partOf = (measure, value) => (measure === "nps" ? (value + 1) / 2 : value); // as a value from 0 to 1
const writeScore = (measure, value) => (measure === "nps" ? format.signed(100 * value) : format.wholePercent({ numerator: value, denominator: 1 }));

export function barOf(item) {
  const { measure, ratio, lower, upper, service, answers } = item;
  const scope = service === null ? texts.all_services : nameOf(item) || texts.no_service;
  const value = ratio === null ? "–" : writeScore(measure, ratio);
  const bounds = ratio !== null && { lower: writeScore(measure, lower), upper: writeScore(measure, upper) };
  const words = bounds ? t("interval_of", { ...bounds, n: format.count(answers) }) : t("too_few_answers", counts({ n: answers }));
  const name = `${scope} – ${texts[`measure_${measure}`]}`;
  const interval = bounds && { lower: partOf(measure, lower), at: partOf(measure, ratio), upper: partOf(measure, upper) };
  const place = { channel: "feedback", ...(service === null ? {} : { service }) };
  const levels = `${words.charAt(0).toUpperCase()}${words.slice(1)}. ${texts.wilson}`;
  return { key: JSON.stringify([service, measure]), name, value, words, interval, about: { figure: `opinions_${measure}`, title: name, value, when: "of_28_days", span: { days: 28 }, levels, place } };
}

export function cardOfSatisfaction({ satisfaction: [item] }) {
  if (!item || item.service !== null) return [];
  const bar = barOf(item);
  const isFew = item.ratio === null;
  const [low, high] = isFew ? ["–", "–"] : [item.lower, item.upper].map((bound) => writeScore(item.measure, bound));
  const small = (label, value) => ({ label, value, about: bar.about });
  return [
    {
      key: "feedback",
      name: texts.satisfaction_card,
      main: { label: texts[`measure_${item.measure}`], value: bar.value, about: bar.about },
      state: ["", texts.days_28], // the other cards show now and today
      rest: [small(texts.lower_bound, low), small(texts.upper_bound, high), small(isFew ? texts.given_too_few : texts.given, format.count(item.answers))],
    },
  ];
}

// ------------------------------------------------------------------------------------------------------------ SLA targets
export function cardOfTargets(board) {
  const { standing } = board.promises;
  if (!standing.length) return [];
  const channels = [...new Set(standing.map(({ channel }) => channel))];
  const sum = (name) => standing.reduce((total, target) => total + target[name], 0);
  const kept = ["numerator", "denominator"].map((part) => standing.reduce((total, target) => total + target.kept[part], 0));
  const ratio = { numerator: kept[0], denominator: kept[1] };
  const figure = (name, value, level) => ({
    label: texts[name],
    value,
    level,
    isOfFew: name === "kept" && isSmall(ratio),
    about: { figure: `sla_targets_${name}`, title: `${texts.sla_targets} – ${texts[name]}`, value, ratio: name === "kept" ? ratio : undefined, when: name === "kept" ? "of_today" : "of_now", place: { channel: channels } },
  });
  const most = (name) => Math.max(NORMAL, ...currentTargets(board).map(TARGETS[name]));
  const level = Math.max(...Object.keys(TARGETS).map(most));
  return [
    {
      key: "sla_targets",
      name: texts.sla_targets,
      level,
      state: areCurrent() ? stateOf(level) : ["", "–"],
      main: figure("overdue", format.count(sum("overdue")), most("overdue")),
      rest: [
        figure("at_risk", format.count(sum("at_risk")), most("at_risk")),
        figure("running", format.count(sum("running"))),
        figure("kept", format.percent(ratio), most("kept")),
      ],
    },
  ];
}
