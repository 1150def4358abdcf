// Side panel with all events of one contact.

import { $, date, el, factName, many, millis, opinion, say, serviceName, stateAfter, symbol, time, word } from "./say.js";
import { nameOf, promises, standing } from "./matters.js";

/** Show a contact. `goOn` opens the timeline of its citizen; null if that timeline is shown already. */
export function showLife(life, goOn) {
  const { contact, entries } = life;
  const dialog = $("life");
  const close = el("button", { type: "button", class: "close", onclick: () => dialog.close() }, say("close"));
  dialog.replaceChildren(el("div", { class: "whole" },
    el("div", { class: "dialog-head" }, el("h2", { id: "life-title" }, nameOf(contact)), close),
    el("p", { class: "stand" }, standing(contact.state)),
    promises({ ...contact, sla: contact.sla.map((one) => ({ ...one, told_at: one.at, state: isLate(entries, one) ? "met_late" : one.state })) }),
    el("dl", {},
      told("outcome", contact.outcome ? word("outcome", contact.outcome) : say(contact.is_open ? "still_open" : "not_told")),
      told("service", serviceName(contact.service)),
      told("site", contact.site || say("not_told")),
      contact.admitted_at !== null && told("received_at", time(millis(contact.admitted_at), date(millis(contact.admitted_at)))),
      contact.starts_at !== null && told("appointment_at", time(millis(contact.starts_at))),
      told("opinions", [many("opinions", contact.opinions), contact.scores.length > 0 && el("span", { class: "ago" }, ` ${contact.scores.map(opinion).join(", ")}`)]),
      told("sector", life.sector || say("not_told")),
      told("contact_id", el("code", {}, contact.contact))),
    el("h3", {}, say("steps")),
    !life.is_whole && el("p", { class: "note" }, symbol("▲"), ` ${say("life_not_whole")}`),
    el("ol", { class: "steps" }, entries.map(step)),
    life.citizen === null && el("p", { class: "muted" }, say("of_nobody")),
    life.citizen !== null && goOn && el("button", { type: "button", onclick: () => { dialog.close(); goOn(life.citizen); } }, say("go_on")),
  ));
  dialog.showModal();
  dialog.scrollTop = 0;
  close.focus();
}

const told = (name, value) => el("div", {}, el("dt", {}, say(name)), el("dd", {}, value));

function step(entry) {
  const isBroken = entry.type === "sla.breached";
  return el("li", { "data-broken": isBroken, "data-end": stateAfter(entry) === "closed" },
    el("p", { class: "what" }, isBroken && [symbol("■"), " "], entry.is_outline ? say("outline") : factName(entry)),
    el("p", { class: "muted" }, time(millis(entry.happened_at))),
    stateAfter(entry) && el("p", { class: "muted" }, standing(entry.state)));
}

/** Return whether the target was missed, but met later. */
const isLate = (entries, { policy, clock, state }) =>
  state === "breached" && entries.some(({ type, detail }) => type === "sla.met" && detail === `${policy}:${clock}`);
