// Kiosk page: a visitor touches the reason for the visit and sees the ticket's number.

import { Outbox, ask } from "./outbox.js";
import { LANGUAGES, current, say, sayCount, speak, write } from "./texts.js";

const STATE_MS = 3000;
const PATIENCE_MS = 6000; // longest time that "one moment" is shown
const SHOWN_MS = 20000; // time that a number is shown after the last touch
const LANGUAGE_MS = 45000; // time without a touch until the first language returns
const $ = (id) => document.getElementById(id);
const VIEWS = ["choose", "moment", "taken", "later", "full"];

let queues = [];
let requested = ""; // id of the current visitor's request
let timer = 0;
let languageTimer = 0;
let shownMs = 0; // time that the view is shown; 0 for no limit

const outbox = new Outbox("kiosk", (request, answer) => {
  if (request.id !== requested) return; // request of an earlier visitor
  if (!answer.ticket) {
    show("full", SHOWN_MS);
    return;
  }
  $("number").textContent = answer.ticket.number;
  $("reason").textContent = nameOf(answer.ticket.queue);
  $("before").textContent = "";
  show("taken", SHOWN_MS);
  refresh(answer.ticket);
});

function show(view, forMs = 0) {
  for (const name of VIEWS) $(name).hidden = name !== view;
  if (view === "choose") requested = "";
  else $(view).focus();
  shownMs = forMs;
  stay();
}

/** Restart the time that the view is shown. */
function stay() {
  clearTimeout(timer);
  if (shownMs) timer = setTimeout(() => show("choose"), shownMs);
}

function nameOf(queue) {
  return queues.find(({ name }) => name === queue)?.[current()] ?? "";
}

function take(queue) {
  requested = outbox.put({ step: "take", queue });
  show("moment");
  timer = setTimeout(() => show("later", SHOWN_MS), PATIENCE_MS);
}

function drawQueues() {
  const buttons = [...$("queues").children];
  if (buttons.map((button) => button.dataset.queue).join("\n") !== queues.map(({ name }) => name).join("\n")) {
    $("queues").replaceChildren(...queues.map(makeButton));
  }
  for (const [index, button] of [...$("queues").children].entries()) {
    button.firstChild.textContent = queues[index][current()];
    button.lastChild.textContent = sayCount("waiting", queues[index].waiting);
  }
}

function makeButton({ name }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "queue";
  button.dataset.queue = name;
  button.append(document.createElement("strong"), document.createElement("span"));
  button.addEventListener("click", () => take(name));
  return button;
}

async function refresh(ticket = null) {
  const state = await ask();
  if (!state) return;
  queues = state.queues;
  $("site").textContent = state.site;
  const calls = state.last_calls.map((call) => say("to_counter", call)).join(" · ");
  write($("calls"), calls && say("last_calls", { calls }));
  drawQueues();
  if (ticket) {
    const before = state.waiting.findIndex(({ id }) => id === ticket.id);
    if (before >= 0) $("before").textContent = sayCount("before", before);
  }
}

function choose(language) {
  speak(language);
  drawQueues();
  refresh();
  keepLanguage();
}

/** Return to the first language after a time without a touch. */
function keepLanguage() {
  clearTimeout(languageTimer);
  if (current() !== LANGUAGES[0]) languageTimer = setTimeout(() => choose(LANGUAGES[0]), LANGUAGE_MS);
}

for (const button of document.querySelectorAll("[data-lang]")) button.addEventListener("click", () => choose(button.dataset.lang));
for (const touch of ["pointerdown", "keydown"]) {
  document.addEventListener(touch, () => {
    if (shownMs) stay();
    keepLanguage();
  });
}
for (const button of document.querySelectorAll(".back")) button.addEventListener("click", () => show("choose"));
speak(LANGUAGES[0]);
refresh();
setInterval(refresh, STATE_MS);
