// Opening hours by the calendars of the SLA file.

import { $, areCurrent, counts, format, now, t, describeAt, texts, write } from "./page.js";

let openings = [];

const find = ({ calendar }) => openings.find((opening) => opening.calendar === calendar);

export const isClosed = (thing) => find(thing)?.is_open === false;

/** Return in words whether a calendar is open, and until when; "" without a calendar. */
export function openingOf(thing) {
  const opening = find(thing);
  return opening ? describeOpening(opening) : "";
}

function describeOpening({ is_open, changes_at }) {
  if (changes_at === null) return is_open ? texts.open : texts.shut;
  const values = { time: format.hour(changes_at), date: format.date(changes_at, now()) };
  return t(`${is_open ? "open" : "shut"}_until_${format.isToday(changes_at, now()) ? "time" : "date"}`, values);
}

export const setOpenings = (value) => {
  openings = value;
};

/** Return a list of texts: how many contacts wait in these queues, and how many are in progress, each if any. */
export function describeInside(...queues) {
  const sum = (name) => queues.reduce((total, queue) => total + queue[name], 0);
  return ["waiting", "in_progress"].filter(sum).map((name) => t(`still_${name}`, counts({ n: sum(name) })));
}

/** Return texts on the contacts present in the queues with this calendar; none while it is open. */
function describeBehind({ calendar, is_open }, queues) {
  return is_open ? [] : describeInside(...queues.filter((queue) => queue.calendar === calendar && areCurrent(queue.channel)));
}

/** Show the state of all calendars, with their names if there are several. */
export function showOpenings({ promises: targets, queues }) {
  setOpenings(targets.openings);
  const list = $("openings");
  while (list.children.length > openings.length) list.lastChild.remove();
  openings.forEach((opening, index) => {
    const item = list.children[index] ?? list.appendChild(document.createElement("li"));
    const words = [describeOpening(opening), ...describeBehind(opening, queues)].join(", ");
    const named = openings.length > 1 ? describeAt(opening.calendar, words) : words;
    item.classList.toggle("shut", !opening.is_open);
    write(item, `${opening.is_open ? "●" : "○"} ${named}`);
  });
}
