// A citizen's contacts: summary, cards of the open ones, and the side panel with all events of one.

import {
  $, briefTime, date, deadline, el, eventText, many, millis, ofClock, opinion, say, serviceName, stateAfter, symbol, term, time, word,
} from "./texts.js";

const STATES = { waiting: "○", in_progress: "◐", pending_citizen: "◇", closed: "●" };
const VERDICTS = { met: "●", met_late: "▲", breached: "■", cancelled: "–" };
const DUE = { running: "○", at_risk: "▲", overdue: "■", paused: "◇" };

/** State of a contact, as text and symbol. */
export const stateLabel = (state) =>
  el("span", { class: "standing", "data-state": state }, symbol(STATES[state] ?? "?"), " ", word("state", state));

/** Result of a judged SLA target, as text, symbol and colour, with its clock. */
const verdictLabel = ({ state, clock }) =>
  el("span", { class: "sla-target", "data-sla": state }, symbol(VERDICTS[state] ?? "?"), " ", ofClock(word("sla", state), clock));

const nameOf = ({ channel, service }) => say("life_of", { channel: word("channel", channel), service: serviceName(service) });

/** State of an open SLA target, as text, symbol and colour, with its clock. */
const dueLabel = ({ state, clock }) =>
  el("span", { class: "sla-target", "data-due": state }, symbol(DUE[state] ?? "?"), " ", ofClock(word("due", state), clock));

/** All SLA targets of a contact: open ones by deadline, then judged ones, worst first. */
function targets(contact) {
  const due = contact.due.map((one) => [dueLabel(one), one.due_at && [el("br"), el("span", { class: "muted" }, deadline(millis(one.due_at)))]]);
  const over = worstFirst(verdicts(contact)).map((one) => [verdictLabel(one), one.told_at && [el("br"), el("span", { class: "muted" }, time(millis(one.told_at)))]]);
  const all = [...due, ...over];
  return all.length === 0 ? el("p", { class: "muted" }, say("no_sla_target")) : el("ul", { class: "sla-targets" }, all.map((one) => el("li", {}, one)));
}

/** Judged targets, except those that are open again: an overdue one is a missed one already, and a reopened one is not met. */
const verdicts = ({ sla, due }) => sla.filter(({ policy, clock, state }) => {
  const again = due.find((one) => one.policy === policy && one.clock === clock);
  return !again || (state === "breached" && again.state !== "overdue");
});

const worstFirst = (over) => [...over].sort((one, other) => (other.state === "breached") - (one.state === "breached"));

const opinionsTerm = (number, scores) =>
  term("opinions", [many("opinions", number), scores.length > 0 && el("span", { class: "ago" }, ` ${scores.map(opinion).join(", ")}`)]);

/** The summary line. */
export function summary(story) {
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
      term("last_contact", last),
      term("next_deadline", ...nextDeadline(open)),
      term("next_appointment", next ? time(next) : many("appointment", booked.length)),
      term("sla_targets", [symbol({ action: "■", attention: "▲", normal: "●" }[level]), " ", many("breached", broken.length), ofOpen], level),
      opinionsTerm(opinions, scores),
    ),
  );
}

/** The next deadline, its target and its level. */
function nextDeadline(open) {
  const due = open.flatMap((contact) => contact.due);
  const dated = due.filter(({ due_at: at }) => at !== null).sort((one, other) => millis(one.due_at) - millis(other.due_at));
  const [next] = dated.length ? dated : due;
  if (!next) return [say("deadline_none")];
  const told = [dueLabel(next), next.due_at && [", ", deadline(millis(next.due_at))]];
  return [told, { overdue: "action", at_risk: "attention" }[next.state]];
}

/** The open cases; `open(contact)` shows all events of one. */
export function openCases(story, open) {
  const shown = story.contacts.filter((contact) => contact.is_open);
  return el("section", { class: "matters", "aria-labelledby": "matters-title" },
    el("h2", { id: "matters-title" }, say("open_matters")),
    shown.length === 0 && el("p", { class: "panel nothing" }, say("open_none")),
    shown.length > 0 && el("ul", { class: "cards" }, shown.map((contact) => el("li", {}, card(contact, open)))),
  );
}

function card(contact, open) {
  const isLate = contact.due.some(({ state }) => state === "overdue") || contact.sla.some(({ state }) => state === "breached");
  return el("article", { class: "card panel", "data-channel": contact.channel, "data-late": isLate },
    el("h3", {}, el("span", { class: "channel" }, word("channel", contact.channel)), " ", serviceName(contact.service)),
    el("p", { class: "stand" }, stateLabel(contact.state)),
    contact.starts_at !== null && el("p", { class: "stand" }, time(millis(contact.starts_at))),
    targets(contact),
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

/** Show a contact. `showCitizen` opens the timeline of its citizen; null if that timeline is shown already. */
export function showContact(timeline, showCitizen) {
  const { contact, entries } = timeline;
  const dialog = $("life");
  const close = el("button", { type: "button", class: "close", onclick: () => dialog.close() }, say("close"));
  dialog.replaceChildren(el("div", { class: "whole" },
    el("div", { class: "dialog-head" }, el("h2", { id: "life-title" }, nameOf(contact)), close),
    el("p", { class: "stand" }, stateLabel(contact.state)),
    targets({ ...contact, sla: contact.sla.map((one) => ({ ...one, told_at: one.at, state: isLate(entries, one) ? "met_late" : one.state })) }),
    el("dl", {},
      term("outcome", contact.outcome ? word("outcome", contact.outcome) : say(contact.is_open ? "still_open" : "not_told")),
      term("service", serviceName(contact.service)),
      term("site", contact.site || say("not_told")),
      contact.admitted_at !== null && term("received_at", time(millis(contact.admitted_at), date(millis(contact.admitted_at)))),
      contact.starts_at !== null && term("appointment_at", time(millis(contact.starts_at))),
      opinionsTerm(contact.opinions, contact.scores),
      term("sector", timeline.sector || say("not_told")),
      term("contact_id", el("code", {}, contact.contact))),
    el("h3", {}, say("steps")),
    !timeline.is_whole && el("p", { class: "note" }, symbol("▲"), ` ${say("life_not_whole")}`),
    el("ol", { class: "steps" }, entries.map(step)),
    timeline.citizen === null && el("p", { class: "muted" }, say("of_nobody")),
    timeline.citizen !== null && showCitizen && el("button", { type: "button", onclick: () => { dialog.close(); showCitizen(timeline.citizen); } }, say("go_on")),
  ));
  dialog.showModal();
  dialog.scrollTop = 0;
  close.focus();
}

function step(entry) {
  const isBroken = entry.type === "sla.breached";
  return el("li", { "data-broken": isBroken, "data-end": stateAfter(entry) === "closed" },
    el("p", { class: "what" }, isBroken && [symbol("■"), " "], entry.is_outline ? say("outline") : eventText(entry)),
    el("p", { class: "muted" }, time(millis(entry.happened_at))),
    stateAfter(entry) && el("p", { class: "muted" }, stateLabel(entry.state)));
}

/** Return whether the target was missed, but met later. */
const isLate = (entries, { policy, clock, state }) =>
  state === "breached" && entries.some(({ type, detail }) => type === "sla.met" && detail === `${policy}:${clock}`);
