// Links between the citizen's identities, shared identities, and the revocation of links.

import { count, date, el, identityName, many, millis, say } from "./texts.js";
import { choice, confirmAction } from "./dialog.js";

/** The links of a citizen. `showCitizen(identity)` shows another citizen; `revoke(one, other, reason)` and `restore(one, other)` change links. */
export function links(story, me, revokedLink, { showCitizen, revoke, restore }) {
  const mayRevoke = me.may.includes("revoke_link");
  const isElsewhere = story.entries.length === 0; // only the citizens who share the identity are known
  return el("section", { class: "links panel", "aria-labelledby": "links-title" },
    el("h2", { id: "links-title" }, say(!isElsewhere ? "links" : story.shared.length > 0 ? "leads_to" : "link_revoked")),
    el("ul", {}, story.identities.map((one) => item(one, mayRevoke && one.linked_to && el("button", {
      type: "button",
      "aria-label": say("revoke_of", { one: identityName(one.linked_to), other: identityName(one.identity) }),
      onclick: () => askGround(one, me.grounds, revoke),
    }, say("revoke"))))),
    story.identities.length === 1 && !isElsewhere && el("p", { class: "muted" }, say(story.shared.length > 0 ? "alone_but_shared" : "alone")),
    story.shared.length > 0 && [
      !isElsewhere && el("h3", {}, say(story.is_own ? "shared" : "leads_to")),
      el("p", { class: "muted" }, say(story.is_own ? "shared_why" : "leads_to_why")),
      el("ul", {}, story.shared.map((one) => item(one, el("button", {
        type: "button", "aria-label": say("go_on_to", { name: identityName(one.identity) }), onclick: () => showCitizen(one.identity),
      }, say("go_on"))))),
    ],
    !revokedLink && story.revoked.map((link) => el("p", { class: "undone" },
      many("revoked_by", link.contacts), " ", say("revoked_since", { at: date(millis(link.revoked_at)), ground: say(`ground_${link.reason}`) }), " ",
      link.one && me.may.includes("restore_link") && el("button", { type: "button", onclick: () => restore(link) }, say("restore")))),
    revokedLink && el("p", { class: "undone" },
      say("revoked", { one: identityName(revokedLink.one), other: identityName(revokedLink.other) }), " ",
      me.may.includes("restore_link") && el("button", { type: "button", onclick: () => restore(revokedLink) }, say("restore"))),
  );
}

/** An identity, the reason why it is listed, and its button. */
const item = ({ identity, ...link }, button) =>
  el("li", {}, el("strong", { title: identity }, identityName(identity)), el("p", { class: "muted" }, why(link)), button);

function why({ linked_to: other, since, contacts, why: reason }) {
  if (reason === "asked" || !other) return say("asked");
  if (contacts === null || since === null) return say("told_by_unknown", { other: identityName(other) });
  return say(contacts === 1 ? "told_by_one" : "told_by_many", { other: identityName(other), n: count(contacts), since: date(millis(since)) });
}

function askGround({ identity, linked_to: other }, grounds, revoke) {
  const ground = choice("ground", say("ground"), [["", say("choose")], ...grounds.map((one) => [one, say(`ground_${one}`)])]);
  confirmAction({
    title: say("revoke_of", { one: identityName(other), other: identityName(identity) }),
    consequence: say("revoke_why"),
    fields: [ground],
    yes: say("revoke"),
    act: () => revoke({ one: other, other: identity, reason: ground[1].value }),
  });
}
