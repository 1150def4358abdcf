// Texts of the pages in both languages.

export const LANGUAGES = ["fr", "en"];

const TEXTS = {
  fr: {
    kiosk_title: "Accueil",
    welcome: "Bienvenue",
    choose: "Touchez le motif de votre visite pour prendre un ticket.",
    waiting_none: "Personne n'attend",
    waiting_one: "1 personne attend",
    waiting_many: "{count} personnes attendent",
    one_moment: "Un instant…",
    your_number: "Votre numéro",
    before_none: "Vous êtes le prochain.",
    before_one: "1 personne avant vous.",
    before_many: "{count} personnes avant vous.",
    keep: "Retenez-le : on vous appellera par ce numéro.",
    done: "Terminé",
    later_title: "Votre arrivée est notée",
    later: "La borne ne peut pas donner de numéro pour l'instant. Présentez-vous au guichet, s'il vous plaît.",
    full_title: "Plus de tickets pour l'instant",
    full: "Présentez-vous au guichet, s'il vous plaît.",
    last_calls: "Derniers appels : {calls}",
    to_counter: "{number} au guichet {counter}",
    languages: "Langue",
    agent_title: "Guichet",
    counter: "Guichet",
    call_for: "J'appelle pour",
    call_next: "Appeler le suivant",
    served: "Visite terminée",
    absent: "Ne s'est pas présenté",
    current: "Visiteur au guichet",
    nobody_here: "Personne à ce guichet",
    since: "depuis {minutes} min",
    waiting_title: "Visiteurs en attente",
    number: "Numéro",
    reason: "Motif",
    waits_since: "Attend depuis",
    minutes: "{minutes} min",
    action: "Action",
    gone: "Est parti",
    gone_number: "{number} est parti",
    no_one_waits: "Personne n'attend.",
    busy: "Envoi en cours…",
    cut_off: "Pas de liaison avec la borne. Vos actions sont gardées ici et seront envoyées.",
    unsent: "Accueil n'a pas encore reçu {count} étapes ; elles sont gardées et seront envoyées.",
    refused_nobody: "Plus personne n'attend.",
    refused_over: "C'est déjà fait, à un autre guichet peut-être, ou c'était un autre jour.",
    refused_unknown: "Ce ticket n'existe plus.",
    refused_full: "Trop de tickets attendent.",
    refused_wrong: "Cette page est d'une autre version : rechargez-la.",
  },
  en: {
    kiosk_title: "Reception",
    welcome: "Welcome",
    choose: "Touch the reason for your visit to take a ticket.",
    waiting_none: "Nobody is waiting",
    waiting_one: "1 person is waiting",
    waiting_many: "{count} people are waiting",
    one_moment: "One moment…",
    your_number: "Your number",
    before_none: "You are next.",
    before_one: "1 person before you.",
    before_many: "{count} people before you.",
    keep: "Please remember it: you will be called by this number.",
    done: "Done",
    later_title: "Your arrival is noted",
    later: "No number can be given just now. Please go to the counter.",
    full_title: "No more tickets just now",
    full: "Please go to the counter.",
    last_calls: "Last calls: {calls}",
    to_counter: "{number} to counter {counter}",
    languages: "Language",
    agent_title: "Counter",
    counter: "Counter",
    call_for: "I call for",
    call_next: "Call the next visitor",
    served: "Visit is over",
    absent: "Did not come",
    current: "Visitor at the counter",
    nobody_here: "Nobody at this counter",
    since: "for {minutes} min",
    waiting_title: "Waiting visitors",
    number: "Number",
    reason: "Reason",
    waits_since: "Waiting for",
    minutes: "{minutes} min",
    action: "Action",
    gone: "Has left",
    gone_number: "{number} has left",
    no_one_waits: "Nobody is waiting.",
    busy: "Sending…",
    cut_off: "No connection to the kiosk. Your actions are stored here and will be sent.",
    unsent: "Accueil has not received {count} steps yet; they are stored and will be sent.",
    refused_nobody: "Nobody is waiting any more.",
    refused_over: "That has been done, at another counter perhaps, or it was another day.",
    refused_unknown: "This ticket no longer exists.",
    refused_full: "Too many tickets are waiting.",
    refused_wrong: "This page has an outdated version: reload it.",
  },
};

let language = LANGUAGES[0];

export const current = () => language;

/** Return a text with its {placeholders} filled in. */
export const say = (name, values = {}) => TEXTS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

/** Return the text for a count: name_none, name_one or name_many. */
export const sayCount = (name, count) => say(`${name}_${["none", "one"][count] ?? "many"}`, { count });

/** Set the text of an element. An equal text is not set again, because screen readers announce every change. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show the page in a language. */
export function speak(wanted) {
  language = LANGUAGES.includes(wanted) ? wanted : LANGUAGES[0];
  document.documentElement.lang = language;
  document.title = say(document.body.dataset.title);
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === language));
  }
}
