// Confirmation dialog of an action: its consequences, further fields, confirm and cancel.

import { $, el, say } from "./texts.js";

/** Ask for confirmation. `fields` come before the buttons, the first one gets the focus. `act()` runs when `yes` is pressed and all are valid. */
export function confirmAction({ title, consequence, fields, yes, act }) {
  const dialog = $("question");
  const submit = (event) => {
    event.preventDefault();
    dialog.close();
    act();
  };
  const form = el("form", { onsubmit: submit }, fields,
    el("div", { class: "buttons" },
      el("button", { type: "button", onclick: () => dialog.close() }, say("cancel")),
      el("button", { type: "submit", class: "first" }, yes)));
  dialog.replaceChildren(el("h2", { id: "question-title" }, title), el("p", { id: "question-why" }, consequence), form);
  dialog.showModal();
  form.elements[0].focus();
}

/** A labelled selection; options are pairs of value and text. */
export function choice(id, name, options) {
  const select = el("select", { id, required: true }, options.map(([value, word]) => el("option", { value }, word)));
  return [el("label", { for: id }, name), select];
}
