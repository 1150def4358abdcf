// What needs attention now, on every page: a list for the wall, a number for the title and the icon of the tab. Nothing sounds,
// nothing flashes; what is new is told to those who hear the page.

import { duration } from "./format.js";
import { ACTION, ATTENTION, levelOf } from "./levels.js";
import { sayQuiet, sources } from "./live.js";
import { $, areCurrent, counts, format, lasted, nameOf, say, texts, write } from "./page.js";
import { levelsOf, noAgent, waited } from "./queues.js";

const QUEUED = ["call", "visit"];
export const WRITTEN = ["mail", "email", "form"];
const icon = document.querySelector("link[rel=icon]");
const title = document.title;
let told = null; // keys of what was there before

function alertOfQueue(queue, board) {
  const levels = levelsOf(queue, queue.thresholds, board);
  const level = Math.max(levels.waiting, levels.longest);
  const told = { ...counts({ n: queue.waiting }), time: duration(waited(queue)) };
  const pressing = levels.longest > levels.waiting ? "alert_longest" : "alert_waiting";
  const words = noAgent(queue) ? texts.no_agent.toLowerCase() : say(pressing, told);
  return { key: JSON.stringify([queue.channel, queue.site, queue.service, queue.queue]), level, name: nameOf(queue) || texts.no_name, words };
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

/** Return how promises stand, but for those of calls and visits: their queues show what is late. */
export const promisesOfMatters = ({ promises }) => promises.standing.filter(({ channel }) => !QUEUED.includes(channel));

function alertsOfPromises(board) {
  const standing = promisesOfMatters(board).filter(({ channel }) => areCurrent(channel));
  const sum = (name) => standing.reduce((total, promise) => total + promise[name], 0);
  const alert = (name, level) => ({ key: name, level: sum(name) ? level : 0, name: "", words: say(`alert_${name}`, counts({ n: sum(name) })) });
  return [alert("overdue", ACTION), alert("at_risk", ATTENTION)];
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
  const queues = board.queues.map((queue) => alertOfQueue(queue, board));
  const all = [...queues, ...alertsOfPromises(board), ...alertsOfBacklogs(board), ...alertsOfSources(board)];
  return all.filter(({ level }) => level >= ATTENTION).sort((one, other) => other.level - one.level);
}

export const sayAlert = ({ name, words }) => (name ? say("alert_of", { name, words }) : words);

/** Tell the title and the icon of the page how much needs attention. */
export function countAlerts(alerts) {
  const number = alerts.length;
  const isLost = told !== null && !areCurrent();
  const wanted = number || isLost ? `(${isLost ? "?" : number}) ${title}` : title;
  if (document.title !== wanted) document.title = wanted;
  const level = alerts[0]?.level === ACTION ? "action" : "attention";
  const address = number ? `/icon.svg?n=${number}&level=${level}` : "/icon.svg";
  if (icon.getAttribute("href") !== address) icon.href = address;
}

/** Tell what is new to those who hear the page; what was there when it was opened they read. */
export function announceAlerts(alerts) {
  if (!areCurrent()) return; // what was told before it was so is not new after it
  const keys = new Map(alerts.map((alert) => [`${alert.level} ${alert.key}`, alert]));
  const news = told ? [...keys].filter(([key]) => !told.has(key)).map(([, alert]) => sayAlert(alert)) : [];
  told = new Set(keys.keys());
  if (news.length) write($("announce"), say("new_alert", { words: news.join("; ") }));
}
