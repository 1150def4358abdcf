// A question before what has consequences: what is to be done, what follows from it, what is still to be said, and yes or no.

import { $, el, say } from "./say.js";

/** Ask; `fields` stand before the buttons, the first has the focus; `act()` is called once `yes` is pressed and all of them are filled in. */
export function question({ title, consequence, fields, yes, act }) {
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

/** A list to choose from under its name: pairs of value and word. */
export function choice(id, name, options) {
  const select = el("select", { id, required: true }, options.map(([value, word]) => el("option", { value }, word)));
  return [el("label", { for: id }, name), select];
}
