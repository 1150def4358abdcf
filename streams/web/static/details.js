// Small tables below the services: reasons for contact, lines, menu choices, voice messages and callbacks, counted post. Each is
// hidden while it has no rows.

import { explainedCell, giveStop, rove } from "./explaining.js";
import { $, Rows, format, make, nameOf, t, texts, write } from "./page.js";
import { columnsOfReasons } from "./reasons.js";

const DAY = 86_400; // in seconds

/** Return a mean delay in words: to the minute up to a day, then in days and hours. */
function delay(seconds) {
  if (seconds === null || seconds >= DAY) return format.age(seconds);
  const minutes = Math.round(seconds / 60);
  return format.hours(Math.floor(minutes / 60), minutes % 60);
}

// A column: name of its figure (explain_names.py; none for a figure without an explanation), heading, and text of the cell. It may
// have its own `place` and `when`.
const column = (figure, heading, text) => ({ figure, heading: texts[heading], text });
const count = (figure, heading, of) => column(figure, heading, (item) => format.count(of(item)));

/** Return whether an item is the total of the table of callbacks. */
const isTotal = ({ queue }) => queue === null;

// Table → heading, key and text of its names, its columns for these items, and the place and time for the explanations.
const TABLES = {
  reasons: {
    heading: texts.reason,
    key: ({ reason }) => reason,
    name: nameOf,
    columns: columnsOfReasons,
    when: "of_today",
  },
  lines: {
    heading: texts.line,
    key: ({ site, line }) => JSON.stringify([site, line]),
    name: ({ label }) => label || texts.unknown_line,
    columns: () => [
      count("lines_arrived", "line_arrived", ({ arrived }) => arrived),
      count("lines_queued", "line_queued", ({ queued }) => queued),
      count("lines_unqueued", "line_unqueued", ({ arrived, queued }) => Math.max(arrived - queued, 0)),
    ],
    place: ({ site, line }) => ({ channel: "call", site, queue: line }),
    when: "of_today",
  },
  menu: {
    heading: texts.menu_choice,
    key: ({ site, option }) => JSON.stringify([site, option]),
    name: ({ label }) => label || texts.no_name,
    columns: () => [count("menu_chosen", "menu_chosen", ({ chosen }) => chosen)],
    place: ({ site, option }) => ({ channel: "call", site, queue: option }),
    when: "of_today",
  },
  callbacks: {
    heading: texts.queue,
    key: ({ site, service, queue }) => JSON.stringify([site, service, queue]),
    name: (item) => (isTotal(item) ? texts.all_services : nameOf(item) || texts.no_name),
    columns: () => [
      count("callbacks_left", "messages_left", ({ messages_left }) => messages_left),
      count("callbacks_heard", "messages_heard", ({ messages_heard }) => messages_heard),
      column("callbacks_mean_hearing", "mean_hearing", ({ mean_hearing_seconds }) => delay(mean_hearing_seconds)),
      count("callbacks_requested", "callbacks_requested", ({ requested }) => requested),
      count("callbacks_called_back", "called_back", ({ called_back }) => called_back),
      column("callbacks_mean_delay", "mean_callback", ({ mean_callback_seconds }) => delay(mean_callback_seconds)),
    ],
    place: (item) => (isTotal(item) ? { channel: "call" } : { channel: "call", site: item.site, service: item.service, queue: item.queue }),
    when: "of_today",
  },
  post: {
    heading: texts.post_class,
    key: ({ direction, post_class }) => `${direction}:${post_class}`,
    name: ({ direction, post_class }) => t("post_of", { direction: texts[`direction_${direction}`], post_class: texts[`post_${post_class}`] }),
    columns: () => [
      count("post_items", "post_items", ({ items }) => items),
      { ...count("post_items", "of_which_today", ({ today }) => today), when: "of_today" },
      column("post_cost", "post_cost", ({ cost_cents }) => format.euros(cost_cents)),
    ],
    place: () => ({}),
    when: "of_7_days",
  },
};

function makeHeading(text, className = "") {
  const head = make("th", "columnheader", className);
  head.scope = "col";
  head.textContent = text;
  return head;
}

class Panel {
  constructor(name, table) {
    Object.assign(this, { name, table, columns: [] });
    this.body = $(`${name}-rows`);
    this.rows = new Rows(this.body, () => this.makeRow());
    rove(this.body);
  }

  /** Show the items; return whether there are any. */
  show(items) {
    $(this.name).hidden = !items.length;
    if (!items.length) return false;
    this.setColumns(this.table.columns(items));
    this.rows.show(items, this.table.key, (entry, item) => this.showRow(entry, item));
    giveStop(this.body);
    return true;
  }

  setColumns(columns) {
    const headings = ({ heading }) => heading;
    const isNew = JSON.stringify(columns.map(headings)) !== JSON.stringify(this.columns.map(headings));
    this.columns = columns;
    if (!isNew) return;
    const row = make("tr", "row");
    row.append(makeHeading(this.table.heading), ...columns.map(({ heading }) => makeHeading(heading, "number")));
    $(`${this.name}-head`).replaceChildren(row);
    this.rows.show([], String, () => {});
  }

  makeRow() {
    const row = make("tr", "row", "open");
    const head = make("th", "rowheader");
    head.scope = "row";
    row.append(head);
    const entry = { row };
    this.columns.forEach(({ figure, heading }, index) => {
      const cell = make("td", "cell", "number");
      cell.dataset.heading = heading;
      cell.append(figure ? explainedCell(() => this.explain(index, entry)) : document.createElement("span"));
      row.append(cell);
    });
    return entry;
  }

  /** Return the explanation of a figure. */
  explain(index, { item, row }) {
    const { table } = this;
    const { figure, heading, text, place = table.place, when = table.when } = this.columns[index];
    return { figure, title: `${row.firstChild.textContent} – ${heading}`, value: text(item), when, levels: "", place: place(item) };
  }

  showRow(entry, item) {
    entry.item = item;
    const [head, ...cells] = entry.row.children;
    write(head, this.table.name(item));
    entry.row.classList.toggle("total", isTotal(item));
    this.columns.forEach(({ text }, index) => {
      write(cells[index].firstChild, text(item));
      cells[index].classList.toggle("none", !text(item));
    });
  }
}

const panels = Object.entries(TABLES).map(([name, table]) => new Panel(name, table));

/** Show the tables that have rows. */
export function showDetails(board) {
  const isAny = panels.map((panel) => panel.show(board[panel.name])).includes(true);
  $("details").hidden = $("details-rules").hidden = !isAny;
  document.body.toggleAttribute("data-details", isAny);
}
