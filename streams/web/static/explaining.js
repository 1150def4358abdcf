// A click on a figure opens its explanation: meaning, formula, thresholds, and the command that lists the counted contacts. The
// page itself holds no contacts.

import { $, format, t, texts, write } from "./page.js";
import { share } from "./format.js";

const NAMES = JSON.parse($("figures").textContent); // figure → its names in `accueil explain`
const PLACES = ["channel", "site", "service", "queue"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const panel = $("explained");
const part = (name) => panel.querySelector(`.${name}`);

const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Return one command for each name of a figure in `accueil explain`; together they list exactly the counted contacts. */
function commandsFor({ figure, place = {}, span = {} }) {
  const known = PLACES.filter((name) => place[name] !== undefined);
  const chosen = [...known.flatMap((name) => [place[name]].flat().map((value) => [name, value])), ...Object.entries(span)];
  const options = chosen.map(([name, value]) => `--${name} ${quote(String(value))}`);
  return NAMES[figure].map((name) => ["accueil explain", name, ...options].join(" "));
}

function show(name, words) {
  write(part(name), words);
  part(name).hidden = !words;
}

/**
 * Open the panel. `explanation` has `figure` (a key of explain_names.py), `title` and `value`. Optional: `ratio`, `place` (each with
 * one value or several), `when`, `span` (options of the command, unless for today or now), `means` (a definition other than that of
 * the figure) and `levels`.
 */
export function openPanel(explanation) {
  const { figure, title, value, ratio, when, means, levels } = explanation;
  const commands = commandsFor(explanation);
  write($("explained-title"), title);
  show("current", value);
  show("made", ratio && share(ratio) !== null ? t("made_of", { numerator: format.count(ratio.numerator), denominator: format.count(ratio.denominator) }) : "");
  show("means", means ?? texts[`means_${figure}`]);
  show("when", when ? texts[when] : "");
  show("levels", levels);
  write(part("rule"), commands.length ? texts.contacts_rule : texts.contacts_none);
  write(part("commands"), commands.join("\n"));
  part("commands").hidden = part("copy").hidden = !commands.length;
  write(part("copy"), texts.copy);
  panel.showModal();
}

export const isPanelOpen = () => panel.open;
export const closePanel = () => panel.close();

async function copy() {
  const commands = part("commands");
  getSelection().selectAllChildren(commands);
  // If the browser forbids writing to the clipboard, the text stays selected for copying by hand.
  await navigator.clipboard?.writeText(commands.textContent).then(() => write(part("copy"), texts.copied), () => {});
}

part("close").addEventListener("click", closePanel);
part("copy").addEventListener("click", copy);
panel.addEventListener("click", ({ target }) => target === panel && panel.close()); // a click outside closes it

/** Return a button that explains the figure in it; `find` returns the argument of `openPanel` at the time of the click. */
export function explained(find) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "explains";
  button.ariaHasPopup = "dialog";
  button.addEventListener("click", () => openPanel(find()));
  return button;
}

/** Make the figures of a table a single stop of the Tab key, with arrow keys between them: a table may have hundreds. */
export function rove(body) {
  if (!body) return; // this page has no such table
  const stop = (button) => {
    body.querySelectorAll(".explains[tabindex='0']").forEach((other) => (other.tabIndex = -1));
    button.tabIndex = 0;
  };
  body.addEventListener("focusin", ({ target }) => target.matches(".explains") && stop(target));
  body.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || !event.target.matches(".explains")) return;
    const next = neighbour(event.target, arrow);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function neighbour(button, [right, down]) {
  const shown = (row) => [...row.querySelectorAll(".explains")].filter((other) => other.checkVisibility());
  const row = button.closest("tr");
  if (right) return shown(row)[shown(row).indexOf(button) + right];
  const column = shown(row).indexOf(button);
  for (let other = row; (other = down > 0 ? other.nextElementSibling : other.previousElementSibling); ) {
    if (shown(other).length) return shown(other)[Math.min(column, shown(other).length - 1)];
  }
  return undefined;
}

/** Make the button of a table figure, for `rove`. */
export function explainedCell(find) {
  const button = explained(find);
  button.tabIndex = -1;
  return button;
}

/** Make the first figure of a table a stop of the Tab key, if it has none. */
export function giveStop(body) {
  if (body.querySelector(".explains[tabindex='0']")) return;
  const first = body.querySelector(".explains");
  if (first) first.tabIndex = 0;
}

