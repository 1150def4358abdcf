// Whether it is open now, by the calendars of what is promised.

import { $, areCurrent, counts, format, now, say, sayAt, texts, write } from "./page.js";

let openings = [];

const find = ({ calendar }) => openings.find((opening) => opening.calendar === calendar);

export const isClosed = (thing) => find(thing)?.is_open === false;

/** Return in words whether something is open, and until when; nothing of what has no calendar. */
export function openingOf(thing) {
  const opening = find(thing);
  return opening ? sayOpening(opening) : "";
}

function sayOpening({ is_open, changes_at }) {
  if (changes_at === null) return is_open ? texts.open : texts.shut;
  const values = { time: format.hour(changes_at), date: format.date(changes_at, now()) };
  return say(`${is_open ? "open" : "shut"}_until_${format.isToday(changes_at, now()) ? "time" : "date"}`, values);
}

/** Take note of what is open. */
export const setOpenings = (told) => {
  openings = told;
};

/** Return in words how many wait in these queues, and how many are in progress, as far as there are any. */
export function sayInside(...queues) {
  const sum = (name) => queues.reduce((total, queue) => total + queue[name], 0);
  return ["waiting", "in_progress"].filter(sum).map((name) => say(`still_${name}`, counts({ n: sum(name) })));
}

/** Return in words who is there though it is closed: in the queues that open by the same calendar. */
function sayBehind({ calendar, is_open }, queues) {
  return is_open ? [] : sayInside(...queues.filter((queue) => queue.calendar === calendar && areCurrent(queue.channel)));
}

/** Show all of them; by their names if there are several. */
export function showOpenings({ promises, queues }) {
  setOpenings(promises.openings);
  const list = $("openings");
  while (list.children.length > openings.length) list.lastChild.remove();
  openings.forEach((opening, index) => {
    const item = list.children[index] ?? list.appendChild(document.createElement("li"));
    const words = [sayOpening(opening), ...sayBehind(opening, queues)].join(", ");
    const named = openings.length > 1 ? sayAt(opening.calendar, words) : words;
    item.classList.toggle("shut", !opening.is_open);
    write(item, `${opening.is_open ? "●" : "○"} ${named}`);
  });
}
