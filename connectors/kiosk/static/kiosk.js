// The kiosk: a visitor touches what they come for, and sees their number.

import { Outbox, ask } from "./outbox.js";
import { LANGUAGES, current, say, sayCount, speak } from "./texts.js";

const STATE_MS = 3000;
const PATIENCE_MS = 6000; // how long somebody stands before "one moment"
const SHOWN_MS = 20000; // how long a number is shown after the last touch
const LANGUAGE_MS = 45000; // how long another language stays chosen, with nobody there
const $ = (id) => document.getElementById(id);
const VIEWS = ["choose", "moment", "taken", "later", "full"];

let queues = [];
let asked = ""; // the wish of whoever stands there
let timer = 0;
let languageTimer = 0;
let shownMs = 0; // how long the view is shown; 0 for without end

const outbox = new Outbox("kiosk", (wish, answer) => {
  if (wish.id !== asked) return; // of somebody who has gone to the counter
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
  if (view === "choose") asked = "";
  else $(view).focus();
  shownMs = forMs;
  stay();
}

/** Let what is shown stay as long again. */
function stay() {
  clearTimeout(timer);
  if (shownMs) timer = setTimeout(() => show("choose"), shownMs);
}

function nameOf(queue) {
  return queues.find(({ name }) => name === queue)?.[current()] ?? "";
}

function take(queue) {
  asked = outbox.put({ step: "take", queue });
  show("moment");
  timer = setTimeout(() => show("later", SHOWN_MS), PATIENCE_MS);
}

function drawQueues() {
  const there = [...$("queues").children];
  if (there.map((button) => button.dataset.queue).join("\n") !== queues.map(({ name }) => name).join("\n")) {
    $("queues").replaceChildren(...queues.map(makeButton));
  }
  for (const [place, button] of [...$("queues").children].entries()) {
    button.firstChild.textContent = queues[place][current()];
    button.lastChild.textContent = sayCount("waiting", queues[place].waiting);
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

function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // said aloud only when it changes
}

function choose(language) {
  speak(language);
  drawQueues();
  refresh();
  keepLanguage();
}

/** Return to the first language when nobody touches anything any more. */
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
