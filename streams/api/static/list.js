// List of the loaded events by day, latest first, with filters and a button for older events.

import { count, day, dayNumber, daysAgo, el, eventText, hour, millis, say, serviceName, stateAfter, word } from "./texts.js";
import { stateLabel } from "./contacts.js";

/** Filter by channel and service; calls `change()` when the selection changes. */
export class Filter {
  constructor(change) {
    this.channel = select("filter-channel", change);
    this.service = select("filter-service", change);
    this.element = el("div", { class: "filter" },
      el("label", { for: "filter-channel" }, say("channel")), this.channel,
      el("label", { for: "filter-service" }, say("service")), this.service);
  }

  /** Offer the channels and services of `entries`, and keep the selection. */
  offer(entries) {
    offer(this.channel, entries.map(({ channel }) => channel), say("every_channel"), (one) => word("channel", one));
    offer(this.service, entries.filter((entry) => !entry.is_outline).map(({ service }) => service), say("every_service"), serviceName);
  }

  passes = (entry) => [this.channel, this.service].every(({ value }, at) => value === "*" || value === `=${at ? entry.service : entry.channel}`);
}

const select = (id, change) => el("select", { id, onchange: change });

function offer(element, values, all, nameOf) {
  const chosen = element.value;
  const options = [...new Set(values)].map((value) => [`=${value}`, nameOf(value)]).sort(([, one], [, other]) => one.localeCompare(other));
  element.replaceChildren(...[["*", all], ...options].map(([value, name]) => el("option", { value }, name)));
  element.value = options.some(([value]) => value === chosen) ? chosen : "*";
}

export class List {
  /** `open(contact)` shows a contact; `readOlder()` loads the next page. */
  constructor(open, readOlder) {
    this.open = open;
    this.count = el("p", { class: "muted", id: "list-count" });
    this.older = el("button", { type: "button", id: "older", onclick: readOlder }, say("older"));
    this.skip = el("button", { type: "button", class: "skip", onclick: () => this.older.focus() }, say("to_older"));
    this.table = el("table", { class: "facts" });
    this.none = el("p", { class: "nothing", hidden: true }, say("no_fact"));
    this.element = el("section", { class: "list panel", "aria-labelledby": "list-title" },
      el("h2", { id: "list-title" }, say("facts")), this.count, this.skip, this.table, this.none, this.older);
  }

  /** Show these entries only. */
  show(entries) {
    const heads = ["when", "channel", "what", "service", "standing"].map((name) => el("th", { scope: "col" }, say(name)));
    this.days = new Map(); // day → rows
    this.table.replaceChildren(
      el("caption", { class: "unseen" }, say("facts")),
      el("thead", {}, el("tr", {}, heads)));
    this.add(entries);
  }

  /** Show older entries as well. */
  add(entries) {
    for (const entry of entries) {
      const at = millis(entry.happened_at);
      const key = dayNumber(at);
      if (!this.days.has(key)) this.begin(key, at);
      this.days.get(key).append(this.row(entry));
    }
  }

  begin(key, at) {
    const name = el("th", { scope: "rowgroup", colspan: 5 }, day(at), " ", el("span", { class: "ago" }, `(${daysAgo(at)})`));
    this.days.set(key, el("tbody", {}, el("tr", { class: "day" }, name)));
    this.table.append(this.days.get(key));
  }

  /** Show the numbers of shown and loaded events, and whether older ones exist. */
  showCounts(shown, read, isMore) {
    const part = shown < read ? [say("shown_of", { n: count(shown), of: count(read) })] : [];
    this.count.textContent = [...part, say(isMore ? "more_to_read" : "all_shown", { n: count(read) })].join(" · ");
    this.older.hidden = this.skip.hidden = !isMore;
    this.table.hidden = shown === 0;
    this.none.hidden = shown > 0;
  }

  row(entry) {
    const at = millis(entry.happened_at);
    const isBroken = entry.type === "sla.breached";
    const what = entry.is_outline
      ? el("span", { class: "muted" }, say("outline"))
      : el("button", { type: "button", class: "fact", onclick: () => this.open(entry.contact) }, isBroken && "■ ", eventText(entry));
    return el("tr", { "data-channel": entry.channel, "data-broken": isBroken },
      el("td", { class: "when" }, el("time", { datetime: entry.happened_at }, hour(at))),
      el("td", { class: "channel" }, word("channel", entry.channel)),
      el("td", { class: "what" }, what),
      el("td", { class: "service" }, entry.is_outline ? say("not_told") : serviceName(entry.service)),
      el("td", { class: "after" }, stateAfter(entry) && stateLabel(entry.state)));
  }
}
