// Privacy requests: export of all data, erasure and its proof.

import { count, el, many, millis, moment, say, term, word } from "./texts.js";
import { choice, confirmAction } from "./dialog.js";

const FORMATS = ["html", "pdf", "json"];

/** Buttons of the privacy requests; null if the client may make none. `act` maps an operation to its function. */
export function rights(story, me, act) {
  const isWhole = me.services.length === 0; // a part may be neither exported nor erased
  const may = [["export", "export_all", askExport], ["erase", "erase_all", askErasure]].filter(([operation]) => me.may.includes(operation));
  if (!isWhole || !story.is_own || story.entries.length === 0 || may.length === 0) return null;
  return el("section", { class: "rights panel", "aria-labelledby": "rights-title" },
    el("h2", { id: "rights-title" }, say("rights")),
    el("p", { class: "muted" }, say("rights_of", { sector: story.sector })),
    may.map(([operation, name, askFor]) =>
      el("button", { type: "button", id: `${operation}-button`, onclick: () => askFor(story, act[operation]) }, say(name))));
}

function askExport({ sector }, act) {
  const format = choice("export-format", say("format"), FORMATS.map((one) => [one, say(`format_${one}`)]));
  const language = choice("export-language", say("export_language"), [["fr", say("language_fr")], ["en", say("language_en")]]);
  language[1].value = document.documentElement.lang;
  confirmAction({
    title: say("export_all"),
    consequence: say("export_why", { sector }),
    fields: [format, language],
    yes: say("export_do"),
    act: () => act({ format: format[1].value, language: language[1].value }),
  });
}

/** Describe an erasure: the number of contacts, their period and the number of open ones. */
function describeErased({ contacts, are_contacts_whole: isWhole }) {
  const span = { first: moment(Math.min(...contacts.map(({ since }) => millis(since)))), last: moment(Math.max(...contacts.map(({ last_at: at }) => millis(at)))) };
  const all = isWhole ? many("erase_goes", contacts.length, span) : say("erase_goes_part", { n: count(contacts.length), ...span });
  return `${all} ${many("open", contacts.filter((contact) => contact.is_open).length)}.`;
}

function askErasure(story, act) {
  const { sector } = story;
  const sure = el("input", { type: "checkbox", id: "erase-sure", required: true });
  confirmAction({
    title: say("erase_all"),
    consequence: [el("strong", {}, describeErased(story)), " ", el("br"), say("erase_why", { sector })],
    fields: [el("label", { class: "sure", for: "erase-sure" }, sure, el("span", {}, say("erase_sure")))],
    yes: say("erase_do"),
    act,
  });
}

/** Progress of an erasure and its proof. `act.look()` asks again, `act.save()` saves the proof. */
export function erasure({ id, state, contacts, proof, sha256 }, act) {
  const numbers = proof && [
    term("erased_entries", say("from_to", { from: count(proof.entries_before), to: count(proof.entries) })),
    term("erased_links", say("from_to", { from: count(proof.links_before), to: count(proof.links) })),
    term("erased_sla_targets", count(proof.promises)),
    term("erased_rows", count(proof.rows)),
    term("proof_hash", el("code", {}, sha256)),
  ];
  const until = (at) => (at ? say("until", { at: moment(millis(at)) }) : say("until_rewritten"));
  const left = proof && [
    el("h3", {}, say("remnants")),
    el("ul", {}, proof.remains.map(({ what, until: at }) => el("li", {}, say("with_detail", { what: until(at), detail: word("remnant", what) })))),
    el("p", { class: "muted" }, say("proof_formula")),
    el("div", { class: "buttons" },
      el("button", { type: "button", id: "save-proof", onclick: act.save }, say("proof_save")),
      el("button", { type: "button", onclick: () => print() }, say("proof_print"))),
  ];
  return el("section", { class: "erasure panel", "aria-labelledby": "erasure-title" },
    el("h2", { id: "erasure-title", tabindex: "-1" }, say(`erasure_${state}`)),
    el("p", {}, many("erasure_contacts", contacts), " ", say(`erasure_${state}_why`)),
    el("dl", {}, term("erasure_id", el("code", {}, id)), numbers),
    left,
    !proof && el("button", { type: "button", id: "look-at-erasure", onclick: act.look }, say("erasure_look")));
}

/** The unproved erasures, oldest first; `find(id)` shows one. */
export function openErasures(erasures, find) {
  const one = ({ id, sector, contacts, requested_at: at }) => el("li", {},
    `${moment(millis(at))} · ${say("in_sector", { names: sector })} · ${many("erasure_contacts", contacts)} `,
    el("button", { type: "button", onclick: () => find(id) }, say("erasure_look"), el("span", { class: "unseen" }, ` ${id}`)));
  return el("section", { class: "erasure panel", "aria-labelledby": "erasures-title" },
    el("h2", { id: "erasures-title", tabindex: "-1" }, say("open_erasures")),
    erasures.length ? el("ul", {}, erasures.map(one)) : el("p", {}, say("open_erasures_none")));
}
