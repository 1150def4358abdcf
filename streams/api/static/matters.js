// A citizen's cases: summary, and cards of the open ones.

import { briefTime, deadline, el, many, millis, ofClock, opinion, say, serviceName, symbol, time, word } from "./say.js";

const STATES = { waiting: "○", in_progress: "◐", pending_citizen: "◇", closed: "●" };
const PROMISES = { met: "●", met_late: "▲", breached: "■", cancelled: "–" };
const DUE = { running: "○", at_risk: "▲", overdue: "■", paused: "◇" };

/** State of a contact, as text and symbol. */
export const standing = (state) =>
  el("span", { class: "standing", "data-state": state }, symbol(STATES[state] ?? "?"), " ", word("state", state));

/** Result of a judged SLA target, as text, symbol and colour, with its clock. */
const promise = ({ state, clock }) =>
  el("span", { class: "promise", "data-sla": state }, symbol(PROMISES[state] ?? "?"), " ", ofClock(word("sla", state), clock));

export const nameOf = ({ channel, service }) => say("life_of", { channel: word("channel", channel), service: serviceName(service) });

/** State of an open SLA target, as text, symbol and colour, with its clock. */
const standingDue = ({ state, clock }) =>
  el("span", { class: "promise", "data-due": state }, symbol(DUE[state] ?? "?"), " ", ofClock(word("due", state), clock));

/** All SLA targets of a contact: open ones by deadline, then judged ones, worst first. */
export function promises(contact) {
  const due = contact.due.map((one) => [standingDue(one), one.due_at && [el("br"), el("span", { class: "muted" }, deadline(millis(one.due_at)))]]);
  const over = worstFirst(verdicts(contact)).map((one) => [promise(one), one.told_at && [el("br"), el("span", { class: "muted" }, time(millis(one.told_at)))]]);
  const all = [...due, ...over];
  return all.length === 0 ? el("p", { class: "muted" }, say("no_promise")) : el("ul", { class: "promises" }, all.map((one) => el("li", {}, one)));
}

/** Judged targets, except those that are open again: an overdue one is a missed one already, and a reopened one is not met. */
const verdicts = ({ sla, due }) => sla.filter(({ policy, clock, state }) => {
  const again = due.find((one) => one.policy === policy && one.clock === clock);
  return !again || (state === "breached" && again.state !== "overdue");
});

const worstFirst = (over) => [...over].sort((one, other) => (other.state === "breached") - (one.state === "breached"));

const isOverdue = ({ state }) => state === "overdue";

/** The summary line. */
export function inShort(story) {
  const open = story.contacts.filter((contact) => contact.is_open);
  const booked = open.filter((contact) => contact.channel === "appointment");
  const next = booked.map((contact) => millis(contact.starts_at)).filter((at) => at > Date.now()).sort((one, other) => one - other)[0];
  const broken = story.contacts.flatMap((contact) => contact.sla.filter(({ state }) => state === "breached").map(() => contact));
  const brokenOpen = broken.filter((contact) => contact.is_open).length;
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
      fact("next_deadline", ...nextDeadline(open)),
      fact("next_appointment", next ? time(next) : many("appointment", booked.length)),
      fact("promises", [symbol({ action: "■", attention: "▲", normal: "●" }[level]), " ", many("breached", broken.length), ofOpen], level),
      fact("opinions", [many("opinions", opinions), scores.length > 0 && el("span", { class: "ago" }, ` ${scores.map(opinion).join(", ")}`)]),
    ),
  );
}

/** The next deadline, its target and its level. */
function nextDeadline(open) {
  const due = open.flatMap((contact) => contact.due);
  const dated = due.filter(({ due_at: at }) => at !== null).sort((one, other) => millis(one.due_at) - millis(other.due_at));
  const [next] = dated.length ? dated : due;
  if (!next) return [say("deadline_none")];
  const told = [standingDue(next), next.due_at && [", ", deadline(millis(next.due_at))]];
  return [told, { overdue: "action", at_risk: "attention" }[next.state]];
}

const fact = (name, told, level = null) => el("div", {}, el("dt", {}, say(name)), el("dd", { "data-level": level }, told));

/** The open cases; `open(contact)` shows all events of one. */
export function matters(story, open) {
  const shown = story.contacts.filter((contact) => contact.is_open);
  return el("section", { class: "matters", "aria-labelledby": "matters-title" },
    el("h2", { id: "matters-title" }, say("open_matters")),
    shown.length === 0 && el("p", { class: "panel nothing" }, say("open_none")),
    shown.length > 0 && el("ul", { class: "cards" }, shown.map((contact) => el("li", {}, card(contact, open)))),
  );
}

function card(contact, open) {
  const isLate = contact.due.some(isOverdue) || contact.sla.some(({ state }) => state === "breached");
  return el("article", { class: "card panel", "data-channel": contact.channel, "data-late": isLate },
    el("h3", {}, el("span", { class: "channel" }, word("channel", contact.channel)), " ", serviceName(contact.service)),
    el("p", { class: "stand" }, standing(contact.state)),
    contact.starts_at !== null && el("p", { class: "stand" }, time(millis(contact.starts_at))),
    promises(contact),
    el("p", { class: "muted times" },
      contact.admitted_at && [line("received", contact.admitted_at), el("br")], line("since", contact.since), el("br"), line("last_at", contact.last_at), el("br"), many("facts", contact.entries)),
    el("button", { type: "button", "aria-label": say("whole_life_of", { name: nameOf(contact) }), onclick: () => open(contact.contact) },
      say("whole_life")),
  );
}

/** A text with a time in place of `{when}`. */
function line(name, at) {
  const [before, after] = say(name, { when: "\n" }).split("\n");
  return [before, briefTime(millis(at)), after];
}
