// Alerts of all pages: a list on the wall, and a number in the title of the tab. No sound and no flashing; new alerts are
// announced to screen readers.

import { duration } from "./format.js";
import { ACTION, ATTENTION, levelOf } from "./levels.js";
import { describeQuiet, sources } from "./live.js";
import { $, QUEUED, WRITTEN, areCurrent, counts, format, lasted, nameOf, t, texts } from "./page.js";
import { LEVELS as TARGETS, targetName } from "./sla_targets.js";
import { COLUMN, levelsOf, levelsOfAll, noAgent, sumOf, waited } from "./queues.js";

const title = document.title;
let announced = null; // key → level of the last announced alerts

/** Return the alert of a queue, of any level; `late` of its contacts wait beyond their SLA target. */
function alertOfQueue(queue, late, board) {
  const levels = levelsOf(queue, queue.thresholds, board);
  const values = { ...counts({ n: queue.waiting }), time: duration(waited(queue)) };
  const pressing = levels.longest > levels.waiting || !levels.waiting ? "alert_longest" : "alert_waiting";
  const words = noAgent(queue) ? texts.no_agent.toLowerCase() : t(pressing, values);
  return {
    key: JSON.stringify([queue.channel, queue.site, queue.service, queue.queue]),
    level: late ? ACTION : Math.max(levels.waiting, levels.longest),
    name: nameOf(queue) || texts.no_name,
    words: late ? t("alert_late", { words, n: format.count(late) }) : words,
  };
}

/**
 * Return an alert of any level for each queue, and the numbers of SLA targets that they cover, so that no contact appears twice.
 * For a service with several queues, overdue contacts are attributed to the queue with the longest wait.
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

/** Return an alert of any level for each rate of a channel: of all its queues together, or of those with a higher level. */
export function alertsOfRates(channel, board) {
  const all = sumOf(channel, board);
  const own = levelsOfAll(all, board);
  const queues = board.queues.filter((queue) => queue.channel === channel);
  const each = queues.map((queue) => levelsOf(queue, queue.thresholds, board));
  return Object.entries(RATES).map(([rate, name]) => {
    const level = Math.max(own[rate], ...each.map((levels) => levels[rate]));
    const marked = queues.filter((_, index) => each[index][rate] === level);
    const alert = (subjectName, words) => ({ key: `${rate} ${channel}`, rate, level, name: subjectName, words });
    const subject = own[rate] === level ? all : marked.length === 1 ? marked[0] : null;
    if (!subject) return alert(texts[`channel_${channel}`], t("alert_rates", { rate: texts[name], n: format.count(marked.length) }));
    const subjectName = subject === all ? texts[`channel_${channel}`] : nameOf(subject) || texts.no_name;
    const share = COLUMN[rate](subject);
    const brief = rate === "recent" ? t("alert_brief_recent", { share }) : share; // the context names the rate
    return { ...alert(subjectName, t("alert_rate", { rate: texts[name], share })), brief };
  });
}

export const levelOfOldest = (channel, cases, board) =>
  areCurrent(channel) ? levelOf(lasted(cases.oldest_open_at, channel), board.backlog_age_seconds[channel]) : 0;

function alertsOfBacklogs(board) {
  return WRITTEN.filter((channel) => board.all_services[channel]).map((channel) => {
    const cases = board.all_services[channel];
    const time = format.age(lasted(cases.oldest_open_at, channel));
    return { key: `oldest ${channel}`, level: levelOfOldest(channel, cases, board), name: texts[`channel_${channel}`], words: t("alert_oldest", { time }) };
  });
}

export const currentTargets = ({ promises: targets }) => targets.standing.filter(({ channel }) => areCurrent(channel));

/** Return the alerts, of any level, of SLA targets that the alerts of queues do not cover. */
function alertsOfTargets(board, covered) {
  const standing = currentTargets(board);
  const sum = (name) => standing.reduce((total, target) => total + target[name], -covered[name]);
  const alert = (name, level) => ({ key: name, level: sum(name) ? level : 0, name: "", words: t(`alert_${name}`, counts({ n: sum(name) })) });
  const kept = standing.map((target) => ({
    key: JSON.stringify(["kept", target.policy, target.clock, target.channel]),
    level: TARGETS.kept(target),
    name: targetName(target),
    words: t("alert_kept", { share: format.percent(target.kept) }),
  }));
  return [alert("overdue", ACTION), alert("at_risk", ATTENTION), ...kept];
}

function alertsOfSources(board) {
  const known = sources();
  const quiet = known.filter(({ isQuiet }) => isQuiet);
  const alerts = quiet.map((source) => ({ key: `quiet ${source.channel} ${source.site}`, level: ATTENTION, name: "", words: describeQuiet(source, known.length > 1) }));
  const read = Object.keys(board.history);
  const behind = read.map((channel) => ({ key: `history ${channel}`, level: ATTENTION, name: texts[`channel_${channel}`], words: texts.reading_history }));
  return [...alerts, ...behind];
}

/** Return all alerts, the most urgent first; none if the figures are not current. */
export function findAlerts(board) {
  if (!areCurrent()) return [];
  const { alerts: queues, covered } = alertsOfQueues(board);
  const all = [...queues, ...QUEUED.flatMap((channel) => alertsOfRates(channel, board)), ...alertsOfTargets(board, covered), ...alertsOfBacklogs(board), ...alertsOfSources(board)];
  return all.filter(({ level }) => level >= ATTENTION).sort((one, other) => other.level - one.level);
}

export const describeAlert = ({ name, words }) => (name ? t("alert_of", { name, words }) : words);

/** Show the number of alerts in the title, and announce new ones to screen readers. */
export function updateAlerts(alerts) {
  countAlerts(alerts.length);
  announceAlerts(alerts);
}

function countAlerts(number) {
  const isLost = announced !== null && !areCurrent();
  const wanted = number || isLost ? `(${isLost ? "?" : number}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
}

/** Announce alerts that are new or more urgent than before; those present when the page opens are part of its text. */
function announceAlerts(alerts) {
  if (!areCurrent()) return; // so that alerts of before an outage are not announced again after it
  const news = announced ? alerts.filter(({ key, level }) => level > (announced.get(key) ?? 0)).map(describeAlert) : [];
  announced = new Map(alerts.map(({ key, level }) => [key, level]));
  if (!news.length) return;
  const words = document.createElement("span"); // a new element is announced even if its text is the same
  words.textContent = t("new_alert", { words: [...new Set(news)].join("; ") });
  $("announce").replaceChildren(words);
}
