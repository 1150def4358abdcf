// How a citizen's matters stand: in short, and the open ones as cards.

import { briefTime, el, many, millis, ofClock, opinion, say, serviceName, symbol, time, word } from "./say.js";

const STATES = { waiting: "○", in_progress: "◐", pending_citizen: "◇", closed: "●" };
const PROMISES = { met: "●", met_late: "▲", breached: "■", cancelled: "–" };

/** Who has to act, by word and symbol. */
export const standing = (state) =>
  el("span", { class: "standing", "data-state": state }, symbol(STATES[state] ?? "?"), " ", word("state", state));

/** What became of a promise: by word, symbol and colour, and which it was. */
export const promise = ({ state, clock }) =>
  el("span", { class: "promise", "data-sla": state }, symbol(PROMISES[state] ?? "?"), " ", ofClock(word("sla", state), clock));

export const nameOf = ({ channel, service }) => say("life_of", { channel: word("channel", channel), service: serviceName(service) });

/** A line of what matters. */
export function inShort(story) {
  const open = story.contacts.filter((contact) => contact.is_open);
  const booked = open.filter((contact) => contact.channel === "appointment");
  const next = booked.map((contact) => millis(contact.starts_at)).filter((at) => at > Date.now()).sort((one, other) => one - other)[0];
  const promises = story.contacts.flatMap((contact) => contact.sla.map(({ state }) => ({ state, isOpen: contact.is_open })));
  const broken = promises.filter(({ state }) => state === "breached");
  const brokenOpen = broken.filter(({ isOpen }) => isOpen).length;
  const scores = story.contacts.flatMap((contact) => contact.scores);
  const opinions = story.contacts.reduce((sum, contact) => sum + contact.opinions, 0);
  const [latest] = story.entries;
  const last = [`${latest.is_outline ? word("channel", latest.channel) : word("type", latest.type)}, `, time(millis(latest.happened_at))];
  const level = brokenOpen ? "action" : broken.length ? "attention" : "normal";
  const ofOpen = brokenOpen ? ` (${say("breached_open", { n: brokenOpen })})` : "";
  return el("section", { class: "short panel", "aria-labelledby": "short-title" },
    el("h2", { id: "short-title", class: "unseen" }, say("in_short")),
    el("p", { class: "open-count" }, many("open", open.length)),
    el("dl", {},
      fact("last_contact", last),
      fact("next_appointment", next ? time(next) : many("appointment", booked.length)),
      fact("promises", [symbol({ action: "■", attention: "▲", normal: "●" }[level]), " ", many("breached", broken.length), ofOpen], level),
      fact("opinions", [many("opinions", opinions), scores.length > 0 && el("span", { class: "ago" }, ` ${scores.map(opinion).join(", ")}`)]),
    ),
  );
}

const fact = (name, told, level = null) => el("div", {}, el("dt", {}, say(name)), el("dd", { "data-level": level }, told));

/** The open matters; `open(contact)` shows one whole. */
export function matters(story, open) {
  const shown = story.contacts.filter((contact) => contact.is_open);
  return el("section", { class: "matters", "aria-labelledby": "matters-title" },
    el("h2", { id: "matters-title" }, say("open_matters")),
    shown.length === 0 && el("p", { class: "panel nothing" }, say("open_none")),
    shown.length > 0 && el("ul", { class: "cards" }, shown.map((contact) => el("li", {}, card(contact, open)))),
  );
}

function card(contact, open) {
  const isLate = contact.sla.some(({ state }) => state === "breached");
  return el("article", { class: "card panel", "data-channel": contact.channel, "data-late": isLate },
    el("h3", {}, el("span", { class: "channel" }, word("channel", contact.channel)), " ", serviceName(contact.service)),
    el("p", { class: "stand" }, standing(contact.state)),
    contact.starts_at !== null && el("p", { class: "stand" }, time(millis(contact.starts_at))),
    contact.sla.length === 0 && el("p", { class: "muted" }, say("no_promise")),
    contact.sla.length > 0 && el("ul", { class: "promises" }, worstFirst(contact.sla).map((one) => el("li", {}, promise(one)))),
    el("p", { class: "muted times" },
      line("since", contact.since), el("br"), line("last_at", contact.last_at), el("br"), many("facts", contact.entries)),
    el("button", { type: "button", "aria-label": say("whole_life_of", { name: nameOf(contact) }), onclick: () => open(contact.contact) },
      say("whole_life")),
  );
}

const worstFirst = (promises) => [...promises].sort((one, other) => (other.state === "breached") - (one.state === "breached"));

/** A text with a time where it has `{when}`. */
function line(name, at) {
  const [before, after] = say(name, { when: "\n" }).split("\n");
  return [before, briefTime(millis(at)), after];
}
