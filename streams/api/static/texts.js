// Texts, names, times and DOM elements. No text is interpreted as markup.

import { Format } from "/shared/format.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const [texts, services, reasons] = ["texts", "services", "reasons"].map(read);
const { timeZone } = document.body.dataset;
const lang = document.documentElement.lang;
const locale = lang === "fr" ? "fr-FR" : "en-GB";
const format = new Format(lang, timeZone);
const days = new Intl.DateTimeFormat(locale, { timeZone, weekday: "long", day: "numeric", month: "long", year: "numeric" });
const dates = new Intl.DateTimeFormat(locale, { timeZone, day: "numeric", month: "short", year: "numeric" });
const distances = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
const dayDistances = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const DAY = 86_400_000; // in milliseconds
const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]]; // in seconds
const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});

export const $ = (id) => document.getElementById(id);
export const { count, hour } = format;
export const millis = (moment) => Date.parse(moment);
export const day = (at) => days.format(at);
export const date = (at) => dates.format(at);
export const moment = (at) => `${date(at)}, ${hour(at)}`;
export const monthly = new Intl.DateTimeFormat(locale, { timeZone, month: "short", year: "numeric" }).format;
export const daily = new Intl.DateTimeFormat(locale, { timeZone, day: "numeric", month: "short" }).format;

/** Return the distance of `at` from now, in words. */
function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? ["second", Infinity];
  return unit === "second" ? say("just_now") : distances.format(Math.trunc(seconds / length), unit);
}

/** Return the day of `at` in the organisation's time zone, as a number that grows by one each day. */
export const dayNumber = (at) => Math.floor(local(at) / DAY);

/** Return the distance of the day of `at` from today, in words. */
export const daysAgo = (at) => dayDistances.format(dayNumber(at) - dayNumber(Date.now()), "day");

/** Return the date and time of `at` in the organisation's time zone as if it were UTC, in milliseconds. */
export function local(at) {
  const part = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
}

export const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

/** Return the label of a coded value; an unknown value is returned unchanged. */
export const word = (set, value) => (Object.hasOwn(texts, `${set}_${value}`) ? texts[`${set}_${value}`] : value);
export const hasText = (name) => Object.hasOwn(texts, name);

/** Return the text for none, one or many. */
export function many(name, n, values = {}) {
  const which = n === 0 && hasText(`${name}_none`) ? "none" : n === 1 ? "one" : "many";
  return say(`${name}_${which}`, { ...values, n: count(n) });
}

/** Return `what` with the name of its SLA clock, if it has one. */
export const ofClock = (what, clock) => (clock ? say("of_clock", { what, clock: word("clock", clock) }) : what);

/** Return the text of an event with its details. */
export function eventText({ type, detail }) {
  const what = word("type", type);
  if (type.startsWith("sla.")) return ofClock(what, detail.split(":").at(-1));
  const tell = DETAILS[type.split(".")[0]];
  return detail && tell ? say("with_detail", { what, detail: tell(detail) }) : what;
}

const DETAILS = {
  appointment: (at) => moment(millis(at)),
  letter: (at) => say("stamped", { date: date(millis(at)) }),
  feedback: opinion,
  contact: (reason) => (Object.hasOwn(reasons, reason) ? reasons[reason] : reason),
};

/** Return the state after an event; empty for SLA events, which may come long after the target was met or missed. */
export const stateAfter = ({ type, state }) => (type.startsWith("sla.") ? null : state);

/** Return feedback, `<scale>:<score>`, in words. */
export function opinion(told) {
  const [scale, score] = told.split(":");
  return `${score} / ${scale.split("_").at(-1)} (${word("scale", scale)})`;
}

export const serviceName = (service) => (Object.hasOwn(services, service) ? services[service] : service) || say("no_service");

/** Return a short name of a pseudonym that people can recognise: its kind and its end. */
export function identityName(identity) {
  const at = identity.indexOf(":");
  return `${word("kind", identity.slice(0, at))}\u00a0…${identity.slice(-6)}`;
}

/** Create an element. Attributes and children that are null or false are left out; `onclick` … are listeners. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Create an SVG element in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** A time, with its distance from now. */
export function time(at, text = moment(at)) {
  return [el("time", { datetime: new Date(at).toISOString() }, text), " ", el("span", { class: "ago" }, `(${ago(at)})`)];
}

/** A short time: the hour today, else the date. */
export const briefTime = (at) => time(at, dayNumber(at) === dayNumber(Date.now()) ? hour(at) : date(at));

/** Return whether a day ends at `at` in the organisation's time zone, to the millisecond, as `models.timestamps.day_ending_at` does. */
const endsDay = (at) => local(at) % DAY === 0 && at % 1000 === 0;

/** A deadline and its distance. A target in days shows its last day, which ends at the deadline. */
export const deadline = (at) => time(at, endsDay(at) ? date(at - 1) : moment(at));

/** An entry of a description list. */
export const term = (name, value, level = null) =>
  el("div", {}, el("dt", {}, say(name)), el("dd", { "data-level": level }, value));

/** A symbol that repeats the text next to it; hidden from screen readers. */
export const symbol = (sign) => el("span", { class: "symbol", "aria-hidden": "true" }, sign);

let spoken = 0;

/** Let a screen reader announce `text`, even if it repeats the previous one. */
export function announce(text) {
  $("announce").textContent = spoken++ % 2 ? `${text}\u00a0` : text;
}
