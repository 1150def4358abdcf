// Diagram of events over time, with a lane for each channel. Arrow keys move, Enter opens an event, T shows a table instead.

import { date, daily, el, eventText, hour, local, many, millis, moment, monthly, say, serviceName, stateAfter, svg, symbol, word } from "./texts.js";

const CHANNELS = ["mail", "email", "form", "appointment", "call", "visit", "feedback"];
const MOST = 500; // maximum of events: more would overlap
const [ROW, TOP, RADIUS, GAP] = [44, 8, 7, 14];
const LEVELS = [0, -14, 14]; // offsets from the lane, so that simultaneous events, such as a closure and a met target, do not overlap
const [HOUR, DAY] = [3_600_000, 86_400_000];
const STEPS = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24, 60];

/** Return the accessible name of an event. */
const eventLabel = (entry) =>
  entry.is_outline
    ? `${word("channel", entry.channel)}, ${moment(millis(entry.happened_at))}. ${say("outline")}`
    : `${eventText(entry)}, ${serviceName(entry.service)}, ${moment(millis(entry.happened_at))}.${stateAfter(entry) ? ` ${word("state", entry.state)}` : ""}`;

export class Diagram {
  constructor(open) {
    this.open = open;
    this.asTable = false;
    this.current = null; // id of the event that Tab focuses
    this.picture = el("div", { class: "picture" });
    this.table = el("div", { class: "unseen" });
    this.caption = el("p", { class: "muted", id: "lanes-told" });
    this.toggle = el("button", { type: "button", "aria-pressed": "false", onclick: () => this.flip() }, say("as_table"));
    this.element = el("section", { class: "lanes panel", "aria-labelledby": "lanes-title", onkeydown: (event) => this.key(event) },
      el("div", { class: "head" }, el("h2", { id: "lanes-title" }, say("lanes")), legend(), this.toggle),
      this.table, this.picture, this.caption,
      el("p", { class: "muted keys", id: "lanes-help" }, say("lanes_help")),
    );
    this.seen = new ResizeObserver(() => this.draw());
    this.seen.observe(this.picture);
  }

  show(entries, contacts) {
    this.contacts = contacts;
    this.entries = entries.slice(0, MOST).map((entry) => ({ ...entry, at: millis(entry.happened_at) })).reverse();
    this.channels = CHANNELS.filter((channel) => this.entries.some((entry) => entry.channel === channel));
    if (!this.entries.some(({ id }) => id === this.current)) this.current = this.entries.at(-1)?.id ?? null;
    this.element.hidden = this.entries.length === 0;
    this.caption.textContent = this.entries.length
      ? say("lanes_told", { shown: this.entries.length, from: date(this.entries[0].at), until: date(this.entries.at(-1).at) })
      : "";
    this.table.replaceChildren(tableOf(this.channels, this.entries));
    this.draw();
  }

  flip() {
    this.asTable = !this.asTable;
    this.toggle.setAttribute("aria-pressed", this.asTable);
    this.table.classList.toggle("unseen", !this.asTable);
    this.picture.hidden = this.asTable;
    this.draw();
  }

  /** Draw at the available width, so that letters and click targets keep their size. */
  draw() {
    const width = this.picture.clientWidth;
    if (!width || !this.entries?.length) return;
    const hadFocus = this.picture.contains(document.activeElement);
    const left = width < 560 ? 14 : 150;
    const head = width < 560 ? 18 : 0; // on a phone, the name is above its lane
    const row = ROW + head;
    const height = TOP + row * this.channels.length + 26;
    const [from, until] = this.span();
    const x = (at) => left + GAP + ((at - from) / (until - from)) * (width - left - 2 * GAP);
    const y = (channel) => TOP + row * this.channels.indexOf(channel) + head + ROW / 2;
    this.picture.replaceChildren(
      svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-labelledby": "lanes-title", "aria-describedby": "lanes-help" },
        ticks(from, until, Math.max(2, Math.floor((width - left) / 110))).map(([at, text]) => [
          svg("line", { class: "tick", x1: x(at), x2: x(at), y1: TOP, y2: height - 24 }),
          svg("text", { class: "when", x: Math.min(Math.max(x(at), 40), width - 40), y: height - 8, "text-anchor": "middle", "aria-hidden": "true" }, text),
        ]),
        this.channels.map((channel) => [
          svg("line", { class: "lane", x1: left, x2: width, y1: y(channel), y2: y(channel) }),
          svg("text", { class: "channel", x: 4, y: head ? y(channel) - ROW / 2 : y(channel) + 5, "aria-hidden": "true" },
            word("channel", channel)),
        ]),
        this.contactLines(until).map(([channel, start, end, isOpen]) =>
          svg("line", { class: isOpen ? "life open" : "life", x1: x(start), x2: x(end), y1: y(channel), y2: y(channel) })),
        this.levels(x).map((level, index) => this.mark(this.entries[index], x(this.entries[index].at), y(this.entries[index].channel) + level)),
      ),
    );
    if (hadFocus) this.focus(this.current);
  }

  /** Return the range of time: from the first event to the last one, or to now if a contact is open. */
  span() {
    const isOpen = this.contacts.some((contact) => contact.is_open);
    const [first, last] = [this.entries[0].at, this.entries.at(-1).at];
    const end = isOpen ? Math.max(Date.now(), last) : last;
    return end - first < HOUR ? [first - HOUR, end + HOUR] : [first, end];
  }

  /** Return the offset of each event from its lane, so that it covers no earlier one if there is enough space. */
  levels(x) {
    const lanes = new Map(); // channel → x of the last event on each level
    return this.entries.map(({ channel, at }) => {
      if (!lanes.has(channel)) lanes.set(channel, LEVELS.map(() => -Infinity));
      const last = lanes.get(channel);
      const free = last.findIndex((other) => x(at) - other >= 2 * RADIUS);
      const level = free < 0 ? last.indexOf(Math.min(...last)) : free;
      last[level] = x(at);
      return LEVELS[level];
    });
  }

  /** Return the lane of each contact, its shown beginning and end, and whether it is open. */
  contactLines(until) {
    const contactLines = new Map();
    for (const { contact, channel, at } of this.entries) {
      if (contact && channel !== "feedback") contactLines.set(contact, [channel, contactLines.get(contact)?.[1] ?? at, at, false]);
    }
    for (const { contact, is_open: isOpen } of this.contacts) {
      const line = contactLines.get(contact);
      if (isOpen && line) line.splice(2, 2, until, true);
    }
    return [...contactLines.values()];
  }

  mark(entry, x, y) {
    const isBroken = entry.type === "sla.breached";
    const isEnd = stateAfter(entry) === "closed";
    const shape = isBroken
      ? svg("rect", { class: "broken", x: x - RADIUS, y: y - RADIUS, width: 2 * RADIUS, height: 2 * RADIUS })
      : svg("circle", { class: entry.is_outline ? "outline" : isEnd ? "end" : "fact", cx: x, cy: y, r: RADIUS });
    const target = svg("rect", { class: "target", x: x - 12, y: y - 12, width: 24, height: 24, rx: 6 });
    const open = () => this.choose(entry);
    return svg("g", {
      role: entry.is_outline ? "img" : "button", tabindex: entry.id === this.current ? 0 : -1, "data-id": entry.id,
      "aria-label": eventLabel(entry), onclick: open, onfocus: () => this.reach(entry.id),
    }, svg("title", {}, eventLabel(entry)), target, shape);
  }

  choose(entry) {
    this.reach(entry.id);
    if (!entry.is_outline) this.open(entry.contact);
  }

  reach(id) {
    this.current = id;
    for (const mark of this.picture.querySelectorAll("[data-id]")) mark.setAttribute("tabindex", mark.dataset.id === id ? 0 : -1);
  }

  focus(id) {
    [...this.picture.querySelectorAll("[data-id]")].find((mark) => mark.dataset.id === id)?.focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "t") {
      this.flip();
      this.toggle.focus();
      return;
    }
    if (!this.picture.contains(document.activeElement)) return;
    const at = this.entries.findIndex(({ id }) => id === this.current);
    const entry = this.entries[at];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(entry);
      return;
    }
    const next = this.next(event.key, at, entry);
    if (next === undefined) return;
    event.preventDefault();
    if (next) this.focus(next.id);
  }

  /** Return the event to which a key moves; null if none exists, undefined for other keys. */
  next(key, at, entry) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) return this.entries[at + step] ?? null;
    if (key === "Home") return this.entries[0];
    if (key === "End") return this.entries.at(-1);
    const turn = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (!turn) return undefined;
    const channel = this.channels[this.channels.indexOf(entry.channel) + turn];
    const inLane = this.entries.filter((other) => other.channel === channel);
    const nearest = (best, other) => (Math.abs(other.at - entry.at) < Math.abs(best.at - entry.at) ? other : best);
    return inLane.length ? inLane.reduce(nearest) : null;
  }

  close() {
    this.seen.disconnect();
  }
}

function legend() {
  const shape = (kind) => svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    kind === "broken" ? svg("rect", { class: kind, x: 2, y: 2, width: 12, height: 12 }) : svg("circle", { class: kind, cx: 8, cy: 8, r: 6 }));
  const entry = (kind, name) => el("li", {}, shape(kind), ` ${say(name)}`);
  return el("ul", { class: "legend" }, entry("fact", "legend_fact"), entry("end", "legend_closed"), entry("broken", "legend_breached"));
}

function tableOf(channels, entries) {
  const heads = ["channel", "number", "first", "latest", "broken"];
  const body = channels.map((channel) => {
    const own = entries.filter((entry) => entry.channel === channel);
    const broken = own.filter(({ type }) => type === "sla.breached").length;
    return el("tr", {},
      el("th", { scope: "row" }, word("channel", channel)),
      el("td", { class: "number" }, String(own.length)),
      el("td", {}, moment(own[0].at)),
      el("td", {}, moment(own.at(-1).at)),
      el("td", {}, broken > 0 && symbol("■"), broken > 0 && " ", many("breached", broken)),
    );
  });
  return el("table", {}, el("caption", { class: "unseen" }, say("lanes_table")),
    el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col" }, say(name))))), el("tbody", {}, body));
}

/** Return at most `most` round times between two times, with their labels. */
function ticks(from, until, most) {
  const [first, last] = [local(from), local(until)];
  const back = (at) => at - (local(at - (first - from)) - (at - (first - from))); // from the organisation's time zone to UTC
  const step = STEPS.find((one) => (last - first) / one <= most);
  const marks = [];
  if (step) {
    for (let at = Math.ceil(first / step) * step; at <= last; at += step) marks.push(back(at));
    return marks.map((at) => [at, step < DAY && local(at) % DAY ? hour(at) : daily(at)]);
  }
  const months = MONTHS.find((one) => (last - first) / (one * 30 * DAY) <= most) ?? 120;
  const start = new Date(first);
  const year = start.getUTCFullYear();
  for (let month = Math.ceil((start.getUTCMonth() + 1) / months) * months; ; month += months) {
    const at = back(Date.UTC(year, month, 1));
    if (at > until) return marks.map((one) => [one, monthly(one)]);
    marks.push(at);
  }
}
