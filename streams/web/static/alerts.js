// What needs attention now, on every page: a list for the wall, a number for the title and the icon of the tab. Nothing sounds,
// nothing flashes; what is new is told to those who hear the page.

import { duration } from "./format.js";
import { ACTION, ATTENTION, levelOf } from "./levels.js";
import { sayQuiet, sources } from "./live.js";
import { $, QUEUED, WRITTEN, areCurrent, counts, format, lasted, nameOf, say, texts } from "./page.js";
import { LEVELS as PROMISED, promiseOf } from "./promises.js";
import { COLUMN, levelsOf, levelsOfAll, noAgent, sumOf, waited } from "./queues.js";

const icon = document.querySelector("link[rel=icon]");
const title = document.title;
let told = null; // key → level of what was there before

/** Return what there is to tell of a queue, in which so many wait for longer than was promised. */
function alertOfQueue(queue, late, board) {
  const levels = levelsOf(queue, queue.thresholds, board);
  const told = { ...counts({ n: queue.waiting }), time: duration(waited(queue)) };
  const pressing = levels.longest > levels.waiting || !levels.waiting ? "alert_longest" : "alert_waiting";
  const words = noAgent(queue) ? texts.no_agent.toLowerCase() : say(pressing, told);
  return {
    key: JSON.stringify([queue.channel, queue.site, queue.service, queue.queue]),
    level: late ? ACTION : Math.max(levels.waiting, levels.longest),
    name: nameOf(queue) || texts.no_name,
    words: late ? say("alert_late", { words, n: format.count(late) }) : words,
  };
}

/**
 * Return what there is to tell of all queues, and how many promises that tells of: who waits is told once. Of a service with several
 * queues it is not known in which of them somebody is late: in that where one waits longest.
 */
function alertsOfQueues(board) {
  const covered = { overdue: 0, at_risk: 0 };
  const late = new Map();
  const waiting = board.promises.waiting.filter(({ channel }) => areCurrent(channel));
  for (const { channel, site, service, overdue, at_risk: near } of waiting) {
    const own = board.queues.filter((queue) => queue.channel === channel && queue.site === site && queue.service === service && queue.waiting);
    let [left, nearLeft] = [overdue, near];
    for (const queue of own.sort((one, other) => one.oldest_waiting_at - other.oldest_waiting_at)) {
      const some = Math.min(left, queue.waiting);
      late.set(queue, some);
      left -= some;
      if (alertOfQueue(queue, some, board).level >= ATTENTION) nearLeft -= Math.min(nearLeft, queue.waiting - some);
    }
    covered.overdue += overdue - left;
    covered.at_risk += near - nearLeft;
  }
  return { alerts: board.queues.map((queue) => alertOfQueue(queue, late.get(queue) ?? 0, board)), covered };
}

const RATES = { service: "alert_service", recent: "alert_recent", abandonment: "alert_abandonment" };

/** Return the rates of a channel with their levels: of all of its queues together, or else of those that are marked most. */
export function alertsOfRates(channel, board) {
  const all = sumOf(channel, board);
  const own = levelsOfAll(all, board);
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const each = queues.map((queue) => levelsOf(queue, queue.thresholds, board));
  return Object.entries(RATES).map(([rate, name]) => {
    const level = Math.max(own[rate], ...each.map((levels) => levels[rate]));
    const marked = queues.filter((_, index) => each[index][rate] === level);
    const alert = (whose, words) => ({ key: `${rate} ${channel}`, rate, level, name: whose, words });
    const one = own[rate] === level ? all : marked.length === 1 ? marked[0] : null;
    if (!one) return alert(texts[`channel_${channel}`], say("alert_rates", { rate: texts[name], n: format.count(marked.length) }));
    const whose = one === all ? texts[`channel_${channel}`] : nameOf(one) || texts.no_name;
    const share = COLUMN[rate](one);
    const brief = rate === "recent" ? say("alert_brief_recent", { share }) : share; // where it is said what is measured
    return { ...alert(whose, say("alert_rate", { rate: texts[name], share })), brief };
  });
}

export const levelOfOldest = (channel, matters, board) =>
  areCurrent(channel) ? levelOf(lasted(matters.oldest_open_at, channel), board.backlog_age_seconds[channel]) : 0;

function alertsOfBacklogs(board) {
  return WRITTEN.filter((channel) => board.all_services[channel]).map((channel) => {
    const matters = board.all_services[channel];
    const time = format.age(lasted(matters.oldest_open_at, channel));
    return { key: `oldest ${channel}`, level: levelOfOldest(channel, matters, board), name: texts[`channel_${channel}`], words: say("alert_oldest", { time }) };
  });
}

/** Return how promises stand, as far as that is of now. */
export const currentPromises = ({ promises }) => promises.standing.filter(({ channel }) => areCurrent(channel));

/** Return what there is to tell of promises, but for those that queues tell of. */
function alertsOfPromises(board, covered) {
  const standing = currentPromises(board);
  const sum = (name) => standing.reduce((total, promise) => total + promise[name], -covered[name]);
  const alert = (name, level) => ({ key: name, level: sum(name) ? level : 0, name: "", words: say(`alert_${name}`, counts({ n: sum(name) })) });
  const kept = standing.map((promise) => ({
    key: JSON.stringify(["kept", promise.policy, promise.clock, promise.channel]),
    level: PROMISED.kept(promise),
    name: promiseOf(promise),
    words: say("alert_kept", { share: format.percent(promise.kept) }),
  }));
  return [alert("overdue", ACTION), alert("at_risk", ATTENTION), ...kept];
}

function alertsOfSources(board) {
  const known = sources();
  const quiet = known.filter(({ isQuiet }) => isQuiet);
  const alerts = quiet.map((source) => ({ key: `quiet ${source.channel} ${source.site}`, level: ATTENTION, name: "", words: sayQuiet(source, known.length > 1) }));
  const read = Object.keys(board.history);
  const behind = read.map((channel) => ({ key: `history ${channel}`, level: ATTENTION, name: texts[`channel_${channel}`], words: texts.reading_history }));
  return [...alerts, ...behind];
}

/** Return all that needs attention, the most pressing first; nothing of figures that are not of now. */
export function findAlerts(board) {
  if (!areCurrent()) return [];
  const { alerts: queues, covered } = alertsOfQueues(board);
  const all = [...queues, ...QUEUED.flatMap((channel) => alertsOfRates(channel, board)), ...alertsOfPromises(board, covered), ...alertsOfBacklogs(board), ...alertsOfSources(board)];
  return all.filter(({ level }) => level >= ATTENTION).sort((one, other) => other.level - one.level);
}

export const sayAlert = ({ name, words }) => (name ? say("alert_of", { name, words }) : words);

/** Tell how much needs attention: the title and the icon its number, and what of it is new to those who hear the page. */
export function tellAlerts(alerts) {
  countAlerts(alerts);
  announceAlerts(alerts);
}

function countAlerts(alerts) {
  const number = alerts.length;
  const isLost = told !== null && !areCurrent();
  const wanted = number || isLost ? `(${isLost ? "?" : number}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
  const level = alerts[0]?.level === ACTION ? "action" : "attention";
  const address = number ? `/icon.svg?n=${number}&level=${level}` : "/icon.svg";
  if (icon.getAttribute("href") !== address) icon.href = address;
}

/** Announce what is new, or more pressing than it was; what was there when the page was opened is read. */
function announceAlerts(alerts) {
  if (!areCurrent()) return; // what was told before it was so is not new after it
  const news = told ? alerts.filter(({ key, level }) => level > (told.get(key) ?? 0)).map(sayAlert) : [];
  told = new Map(alerts.map(({ key, level }) => [key, level]));
  if (!news.length) return;
  const words = document.createElement("span"); // one that is new is told, even if it says what the last one said
  words.textContent = say("new_alert", { words: [...new Set(news)].join("; ") });
  $("announce").replaceChildren(words);
}
