// The page: sign-in, search and results. No citizen's data is put into an address, a title or a storage.

import { ApiError, SessionEnded, forget, hasToken, keepToken, request, requestFile, watch } from "./api.js";
import { Diagram } from "./diagram.js";
import { links } from "./links.js";
import { Filter, List } from "./list.js";
import { openCases, showContact, summary } from "./contacts.js";
import { erasure, openErasures, rights } from "./rights.js";
import { $, announce, el, hasText, identityName, many, say, serviceName, symbol, word } from "./texts.js";

const PURPOSE = "accueil.purpose";
const AGAIN = "accueil.again"; // subject to show after the change of language: a pseudonym, stored while the page reloads
const [FIRST, MORE] = [50, 200]; // events per page
const [FOLLOW_FIRST, FOLLOW_MOST, FOLLOWED] = [2000, 30_000, 30]; // polling of an erasure: first and longest pause in ms, maximum of requests
const idleSeconds = Number(document.body.dataset.idleSeconds);
const minutes = Math.round(idleSeconds / 60) || 1;

const MILD = ["not-known", "invalid", "no-value", "no-purpose"]; // errors without alarm colour; timeline.css

const narrow = matchMedia("(max-width: 40rem)"); // as in timeline.css

let me = null;
let shown = null; // what is shown: the API's answer, all loaded entries, and their parts of the page

/** Run `act`, which uses the API, and show an error if it fails. */
async function attempt(act) {
  $("trouble").hidden = true;
  try {
    return await act();
  } catch (error) {
    if (error instanceof SessionEnded) return null;
    if (!(error instanceof ApiError)) throw error;
    if (error.kind === "token") signOut(null);
    showError(error);
    return null;
  }
}

function showError({ kind, title, detail, seconds, fields }) {
  const of = kind === "invalid" && fields.find((field) => hasText(`trouble_${field}`));
  const name = `trouble_${of || kind}`;
  const text = hasText(name) ? say(name, { detail, seconds, kind: word("kind", $("kind").value) }) : title;
  $("trouble").replaceChildren(symbol(MILD.includes(kind) ? "▲" : "■"), ` ${text}`);
  $("trouble").dataset.kind = kind;
  $("trouble").hidden = false;
  $("trouble").scrollIntoView({ block: "nearest" });
}

// ---------------------------------------------------------------------------------------------------------------- sign-in
async function enter() {
  me = await attempt(() => request("/v1/me"));
  if (!me) return show();
  const sectors = me.sectors.join(", ");
  $("me").replaceChildren(
    el("strong", {}, me.name), ` · ${say(`role_${me.role}`)}`,
    ` · ${say(me.sectors.length === 1 ? "in_sector" : "in_sectors", { names: sectors })}`,
    ` · ${me.services.length ? say("of_services", { names: me.services.map(serviceName).join(", ") }) : say("all_services")}`);
  offer($("kind"), me.kinds.map((kind) => [kind, say(`kind_${kind}`)]));
  offer($("purpose"), [["", say("choose")], ...me.purposes.map((purpose) => [purpose, say(`purpose_${purpose}`)])]);
  $("purpose").value = sessionStorage.getItem(PURPOSE) ?? "";
  const across = me.across.map(({ to_sector: to, reason }) => [to, say("across", { to, reason })]);
  offer($("sector"), [...me.sectors.map((sector) => [sector, sector]), ...across]);
  $("sector-field").hidden = $("sector").length < 2;
  $("door-note").hidden = true;
  show();
  $(mayRead() ? "value" : "heading").focus();
  const again = sessionStorage.getItem(AGAIN);
  sessionStorage.removeItem(AGAIN);
  return again && mayRead() && $("purpose").value ? lookUp(JSON.parse(again)) : null;
}

const mayRead = () => me?.may.includes("look_up") ?? false;
const offer = (select, options) => select.replaceChildren(...options.map(([value, name]) => el("option", { value }, name)));

/** Show the parts of the page for the signed-in client. */
function show() {
  document.body.dataset.state = me ? "signed-in" : "signed-out";
  $("door").hidden = Boolean(me);
  for (const id of ["me", "sign-out"]) $(id).hidden = !me;
  $("search").hidden = !mayRead();
  $("find-erasure").hidden = !(me?.may.includes("erase") && me.services.length === 0);
  if (me && !mayRead()) {
    $("story").replaceChildren(el("p", { class: "panel nothing" }, say("may_not_read")));
    $("story").hidden = false;
  }
}

/** Delete the token and everything shown. */
function signOut(why = "signed_out") {
  forget();
  take(++asked);
  me = null;
  clear();
  for (const id of ["sign-in", "search", "find-erasure"]) $(id).reset();
  for (const id of ["me", "kind", "purpose", "sector", "announce"]) $(id).replaceChildren();
  $("trouble").hidden = true;
  $("door-note").textContent = why && say(why, { minutes });
  $("door-note").hidden = !why;
  show();
  $("token").focus();
}

function clear() {
  shown?.diagram.close();
  shown = null;
  for (const id of ["life", "question"]) {
    $(id).close();
    $(id).replaceChildren();
  }
  $("story").replaceChildren();
  $("story").hidden = true;
}

// ----------------------------------------------------------------------------------------------------------------- search
let asked = 0; // number of the last request that replaces the shown content
let turn = 0; // number of the request that is shown or pending; answers to earlier ones are discarded

function take(mine) {
  turn = mine;
  $("search").removeAttribute("aria-busy");
  return mine;
}

async function lookUp(wanted, revokedLink = null) {
  const mine = take(++asked);
  $("search").setAttribute("aria-busy", "true");
  clear();
  announce(say("finding"));
  const story = await attempt(() => request("/v1/look-up", { ...wanted, purpose: $("purpose").value, limit: FIRST }));
  if (mine !== turn) return null;
  $("search").removeAttribute("aria-busy");
  if (!story) return announce("");
  shown = { story, asked: wanted, entries: story.entries, next: story.next };
  draw(revokedLink);
  announce(`${many("open", story.contacts.filter((contact) => contact.is_open).length)}. ${shown.list.count.textContent}`);
  $("story-title").focus();
  if (narrow.matches) $("story-title").scrollIntoView(); // without animation
  return null;
}

const showCitizen = (identity) => lookUp({ kind: "pseudonym", value: identity });

async function openContact(contact) {
  const mine = turn;
  const timeline = await attempt(() => request("/v1/contact", { contact, purpose: $("purpose").value }));
  if (!timeline || mine !== turn) return;
  const isHere = shown.story.identities.some(({ identity }) => identity === timeline.citizen);
  showContact(timeline, isHere ? null : showCitizen);
}

async function readOlder() {
  const { diagram, list, story, next } = shown;
  list.older.disabled = true;
  list.older.textContent = say("reading");
  const page = await attempt(() => request("/v1/timeline", { subject: story.subject, cursor: next, limit: MORE, purpose: $("purpose").value }));
  list.older.disabled = false;
  list.older.textContent = say("older");
  if (!page || shown?.diagram !== diagram) return;
  shown.entries = [...shown.entries, ...page.entries];
  shown.next = page.next;
  fill(page.entries);
  announce(list.count.textContent);
  if (!page.next) list.element.querySelector("h2").focus();
}

async function revoke({ one, other, reason }) {
  const { subject } = shown.story;
  if (await attempt(() => request("/v1/links/revoke", { one, other, reason }))) await lookUp({ kind: "pseudonym", value: subject }, { one, other });
}

async function restore({ one, other }) {
  const { subject } = shown.story;
  if (!(await attempt(() => request("/v1/links/restore", { one, other })))) return;
  await lookUp({ kind: "pseudonym", value: subject });
  announce(say("restored", { one: identityName(one), other: identityName(other) }));
}

// -------------------------------------------------------------------------------------------------------- privacy requests
async function exportAll({ format, language }) {
  const { subject, sector } = shown.story;
  announce(say("exporting"));
  const found = await attempt(() => requestFile("/v1/export", { subject, sector, format, language }));
  if (!found) return announce("");
  return save(found.file, found.name);
}

function save(file, name) {
  const url = URL.createObjectURL(file);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may show a file dialog first
  announce(say("exported", { name }));
}

async function erase() {
  const { subject, sector } = shown.story;
  const mine = ++asked;
  const progress = await attempt(() => request("/v1/erasures", { subject, sector }));
  if (progress && mine > turn) showErasure(progress, true, mine); // otherwise the list of unproved erasures has it
}

/** Show the progress of an erasure, and poll it until it is proved or something else is shown. */
function showErasure(progress, isAsked = true, mine = ++asked) {
  take(mine);
  const isIn = isAsked || $("story").contains(document.activeElement);
  clear();
  const look = async () => {
    const now = await attempt(() => request(`/v1/erasures/${progress.id}`));
    if (now && mine === turn) showErasure(now);
  };
  const saveProof = () => save(new Blob([JSON.stringify(progress, null, 2)], { type: "application/json" }), `erasure-${progress.id}.json`);
  $("story").replaceChildren(erasure(progress, { look, save: saveProof }));
  $("story").hidden = false;
  if (isIn) $("erasure-title").focus();
  else announce(say(`erasure_${progress.state}`));
  if (progress.state !== "proved") followErasure(progress, mine, 0);
}

function followErasure(progress, mine, times) {
  if (times === FOLLOWED) return; // the button remains
  setTimeout(async () => {
    if (mine !== turn) return;
    try {
      const now = await request(`/v1/erasures/${progress.id}`);
      if (mine !== turn) return;
      if (now.state === progress.state) followErasure(progress, mine, times + 1);
      else showErasure(now, false);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof SessionEnded)) throw error;
      if (error instanceof ApiError && error.kind !== "token") followErasure(progress, mine, times + 1);
    }
  }, Math.min(FOLLOW_MOST, FOLLOW_FIRST * 1.5 ** times));
}

async function listErasures() {
  const mine = ++asked;
  const found = await attempt(() => request("/v1/erasures"));
  if (!found || mine < turn) return;
  take(mine);
  clear();
  $("story").replaceChildren(openErasures(found.erasures, findErasure));
  $("story").hidden = false;
  $("erasures-title").focus();
}

async function findErasure(id) {
  const mine = ++asked;
  const found = await attempt(() => request(`/v1/erasures/${id}`));
  if (found && mine > turn) showErasure(found, true, mine);
}

// ---------------------------------------------------------------------------------------------------------------- results
function draw(revokedLink) {
  const { story, asked } = shown;
  shown.filter = new Filter(() => fill());
  shown.diagram = new Diagram(openContact);
  shown.list = new List(openContact, readOlder);
  const names = me.services.map(serviceName).join(", ");
  const isEmpty = story.entries.length === 0;
  const notes = [
    !story.is_own && say("not_own"),
    !story.is_whole && say("not_whole"),
    !story.are_contacts_whole && say("contacts_not_whole"),
    names && say("only_services", { names }),
  ];
  $("story").replaceChildren(
    el("h2", { id: "story-title", class: "title", tabindex: "-1" },
      asked.kind === "contact" ? say("story_of_linked") : say("story_of", { kind: say(`kind_${asked.kind}`).toLowerCase() }),
      el("span", { class: "muted" }, ` · ${say("in_sector", { names: story.sector })}`)),
    ...(isEmpty ? [] : [summary(story)]),
    ...notes.filter(Boolean).map((note) => el("p", { class: "note" }, symbol("▲"), ` ${note}`)),
    el("div", { class: isEmpty ? "" : "columns" },
      !isEmpty && el("div", { class: "column" }, openCases(story, openContact), shown.filter.element, shown.diagram.element, shown.list.element),
      el("div", { class: "column" },
        links(story, me, revokedLink, { showCitizen, revoke, restore }),
        rights(story, me, { export: exportAll, erase }))),
  );
  $("story").hidden = false;
  fill();
}

/** Show the loaded entries that pass the filter; `added` are the newly loaded ones. */
function fill(added = null) {
  const { diagram, entries, filter, list, next, story } = shown;
  filter.offer(entries);
  const passing = entries.filter(filter.passes);
  diagram.show(passing, story.contacts);
  if (added) list.add(added.filter(filter.passes));
  else list.show(passing);
  list.showCounts(passing.length, entries.length, next !== null);
}

// ------------------------------------------------------------------------------------------------------------------ start
$("door").querySelector(".muted").textContent = say("sign_in_why", { minutes });
watch(idleSeconds, () => signOut("idle"));
$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  keepToken($("token").value.trim());
  $("token").value = "";
  await enter();
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(PURPOSE, $("purpose").value);
  const sector = $("sector-field").hidden ? {} : { sector: $("sector").value };
  lookUp({ kind: $("kind").value, value: $("value").value.trim(), ...sector });
});
$("find-erasure").addEventListener("submit", (event) => {
  event.preventDefault();
  findErasure($("erasure-id").value.trim());
});
$("list-erasures").addEventListener("click", () => listErasures());
$("search").addEventListener("invalid", (event) => {
  event.preventDefault(); // the browser's own message may be in another language
  if (event.target !== $("search").querySelector(":invalid")) return;
  showError({ kind: `no-${event.target.id}` });
  event.target.focus();
}, true);
$("other-language").addEventListener("click", ({ ctrlKey, metaKey, shiftKey }) => {
  if (!shown || ctrlKey || metaKey || shiftKey) return; // opens in another tab
  const { kind } = shown.asked;
  sessionStorage.setItem(AGAIN, JSON.stringify({ kind: kind === "contact" ? kind : "pseudonym", value: shown.story.subject }));
});
$("sign-out").addEventListener("click", () => signOut());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
if (hasToken()) enter();
else show();
