// Agents' page: call the next visitor, and end the visit.

import { Outbox, ask } from "./outbox.js";
import { LANGUAGES, current, say, speak, write } from "./texts.js";

const STATE_MS = 2000;
const REFUSAL_MS = 8000;
const $ = (id) => document.getElementById(id);

let state = null;
let cutOff = false;
let refusalTimer = 0;

const outbox = new Outbox("agent", (_, { refused }) => {
  refuse(refused ? say(`refused_${refused}`) : "");
  refresh();
});

// -------------------------------------------------------------------------------------------------------- stored choices
const stored = (name) => {
  try {
    return localStorage.getItem(`accueil.desk.choice.${name}`);
  } catch {
    return null;
  }
};
const store = (name, value) => {
  try {
    localStorage.setItem(`accueil.desk.choice.${name}`, value);
  } catch {
    // without local storage the choice lasts until the page is closed
  }
};
const counter = () => $("counter").value;
const chosen = () => [...document.querySelectorAll("#queues input:checked")].map((box) => box.value);

function drawChoices() {
  if ($("counter").options.length !== state.counters) {
    const numbers = Array.from({ length: state.counters }, (_, index) => String(index + 1));
    $("counter").replaceChildren(...numbers.map((number) => new Option(number, number)));
    if (numbers.includes(stored("counter"))) $("counter").value = stored("counter");
  }
  const boxes = [...document.querySelectorAll("#queues input")];
  if (boxes.map((box) => box.value).join("\n") !== state.queues.map(({ name }) => name).join("\n")) {
    const off = (stored("off") ?? "").split("\n");
    $("queues").replaceChildren(...state.queues.map(({ name }) => makeBox(name, !off.includes(name))));
  }
  for (const label of document.querySelectorAll("#queues label")) label.lastChild.textContent = ` ${nameOf(label.dataset.queue)}`;
}

function makeBox(name, checked) {
  const label = document.createElement("label");
  label.dataset.queue = name;
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked });
  box.addEventListener("change", () => {
    const off = [...document.querySelectorAll("#queues input:not(:checked)")].map((box) => box.value);
    store("off", off.join("\n"));
    draw();
  });
  label.append(box, "");
  return label;
}

// ------------------------------------------------------------------------------------------------------------- rendering
const nameOf = (queue) => state.queues.find(({ name }) => name === queue)?.[current()] ?? queue;
const minutes = (ticket) => Math.floor(ticket.seconds / 60);
const here = () => state.called.find((ticket) => ticket.counter === counter());

// A disabled button keeps the focus, so that keyboard users do not lose their place.
const allow = (button, on) => button.setAttribute("aria-disabled", String(!on));
const onPress = (button, act) =>
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") act();
  });

function draw() {
  const trouble = cutOff ? say("cut_off") : state?.trouble ? say("unsent", { count: state.unsent }) : "";
  write($("trouble"), trouble);
  $("trouble").hidden = !trouble;
  if (!state) return;
  write($("site"), state.site);
  drawChoices();
  const ticket = here();
  const pending = outbox.size > 0;
  const callable = state.waiting.filter(({ queue }) => chosen().includes(queue));
  write($("current-number"), ticket?.number ?? "");
  write($("current-detail"), ticket ? `${nameOf(ticket.queue)}, ${say("since", { minutes: minutes(ticket) })}` : say("nobody_here"));
  allow($("call"), !pending && !ticket && callable.length > 0);
  allow($("serve"), !pending && Boolean(ticket));
  allow($("absent"), !pending && Boolean(ticket));
  write($("busy"), pending ? say("busy") : "");
  write($("count"), `(${state.waiting.length})`);
  $("nobody").hidden = state.waiting.length > 0;
  $("table").hidden = !state.waiting.length;
  drawWaiting();
}

function drawWaiting() {
  const rows = new Map([...$("waiting").children].map((row) => [row.dataset.ticket, row]));
  const wanted = state.waiting.map((ticket) => rows.get(ticket.id) ?? makeRow(ticket));
  if (wanted.length !== $("waiting").children.length || wanted.some((row, index) => row !== $("waiting").children[index])) {
    const focused = document.activeElement;
    $("waiting").replaceChildren(...wanted);
    if ($("waiting").contains(focused)) focused.focus();
  }
  for (const [index, row] of wanted.entries()) {
    const ticket = state.waiting[index];
    write(row.children[1], nameOf(ticket.queue));
    write(row.children[2], say("minutes", { minutes: minutes(ticket) }));
    const button = row.children[3].firstChild;
    write(button, say("gone"));
    button.setAttribute("aria-label", say("gone_number", ticket));
    allow(button, outbox.size === 0);
  }
}

function makeRow({ id, number }) {
  const row = document.createElement("tr");
  row.dataset.ticket = id;
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: number });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  onPress(button, () => request({ step: "leave", ticket: id }));
  const last = document.createElement("td");
  last.append(button);
  row.append(head, document.createElement("td"), document.createElement("td"), last);
  return row;
}

function refuse(text) {
  clearTimeout(refusalTimer);
  write($("refusal"), text);
  $("refusal").hidden = !text;
  if (text) refusalTimer = setTimeout(() => refuse(""), REFUSAL_MS);
}

// --------------------------------------------------------------------------------------------------------------- actions
function request(action) {
  refuse("");
  outbox.put(action);
  draw();
}

async function refresh() {
  const answer = await ask();
  cutOff = answer === null;
  state = answer ?? state;
  draw();
}

function choose(language) {
  store("language", language);
  speak(language);
  draw();
}

onPress($("call"), () => request({ step: "call", queues: chosen(), counter: counter() }));
onPress($("serve"), () => request({ step: "serve", ticket: here().id }));
onPress($("absent"), () => request({ step: "leave", ticket: here().id }));
$("counter").addEventListener("change", () => {
  store("counter", counter());
  draw();
});
for (const button of document.querySelectorAll("[data-lang]")) button.addEventListener("click", () => choose(button.dataset.lang));
speak(stored("language") ?? (navigator.language.startsWith("en") ? "en" : LANGUAGES[0]));
refresh();
setInterval(refresh, STATE_MS);
