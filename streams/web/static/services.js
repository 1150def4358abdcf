// The table of services: one row each, and a group of columns for each used channel (cases, appointments, feedback).

import { levelOfOldest } from "./alerts.js";
import { explainedCell, giveStop, rove } from "./explaining.js";
import { share } from "./format.js";
import { NORMAL, mark } from "./levels.js";
import { openingOf } from "./openings.js";
import { $, Rows, addHead, counts, explain, format, lasted, make, nameOf, nameRow, point, t, texts, unfold, write } from "./page.js";

// Minimum number of answers for a score, and of invitations for a rate: few answers say more about citizens than about the service.
let fewest = Infinity;

const number = (name) => [name, (f) => format.count(f[name])];
const received = ["received", (f) => format.count(f.received)];
const closed = ["closed", (f) => format.count(f.closed)];
const waiting = ["to_do", (f) => format.count(f.waiting)];
const oldest = (channel) => ["oldest", (f) => format.age(lasted(f.oldest_open_at, channel))];
const response = [
  "first_response",
  (f) => format.age(f.mean_first_response_seconds),
  (f) => (f.responded ? t("mean_of", counts({ n: f.responded })) : ""),
];
// Channel → its columns: key of the heading, text of the cell, title of the cell.
const COLUMNS = {
  mail: [received, closed, waiting, number("in_progress"), oldest("mail"), response],
  email: [received, closed, waiting, oldest("email"), response],
  form: [received, closed, waiting, number("in_progress"), number("pending_citizen"), oldest("form"), response],
  appointment: [
    number("booked"),
    number("attended"),
    number("missed"),
    [
      "cancelled",
      (f) => format.count(f.cancelled_by_citizen + f.cancelled_by_service),
      (f) => t("cancelled_by", counts({ citizen: f.cancelled_by_citizen, service: f.cancelled_by_service })),
    ],
    number("upcoming"),
  ],
};
const SCORES = {
  csat_1_5: (ratio) => format.wholePercent(ratio),
  nps_0_10: (ratio) => format.signed(100 * share(ratio)),
};

/** Return the columns of feedback: number of answers, response rate if invitations are used, and one score per used scale. */
function columnsOfOpinions({ response, scores }) {
  const rate = ["response", (f) => rateOf(f.response), (f) => rateIsOf(f.response)];
  const score = (scale) => [`scale_${scale}`, (f) => scoreOn(scale, f), (f) => fewOn(scale, f)];
  return [number("given"), ...(response ? [rate] : []), ...Object.keys(scores).map(score)];
}

const isRate = (response) => response?.denominator >= fewest;
const rateOf = (response) => (isRate(response) ? format.wholePercent(response) : "–");

function rateIsOf(response) {
  if (!response) return texts.never_invited;
  return t(isRate(response) ? "answered_of_invited" : "few_invited", counts(response));
}

const answersOn = (scale, { scores }) => scores[scale]?.denominator ?? 0;
const isFew = (scale, f) => answersOn(scale, f) < fewest;

/** Return a score with its number of answers; below the minimum, only the number. */
function scoreOn(scale, f) {
  const answers = answersOn(scale, f);
  if (!answers) return "–";
  const score = SCORES[scale] ?? ((ratio) => format.tenths.format(share(ratio)));
  return isFew(scale, f) ? `(${format.count(answers)})` : `${score(f.scores[scale])} (${format.count(answers)})`;
}

const fewOn = (scale, f) => (isFew(scale, f) ? t("few_answers", counts({ n: answersOn(scale, f) })) : "");

// -------------------------------------------------------------------------------------------------------------- table
let shape = ""; // key of the current set of columns
let columns = []; // [channel, heading, text, title], in display order
const table = new Rows($("services-rows"), makeRow);
const ALL = Symbol("all services");

/** Return channel → its columns, for the channels in `all`. */
function groupsOf(all) {
  const groups = { ...COLUMNS, feedback: all.feedback ? columnsOfOpinions(all.feedback) : [] };
  return Object.entries(groups).filter(([channel]) => all[channel]);
}

function makeHead(groups) {
  const [names, headings] = [make("tr", "row", "groups"), make("tr", "row")];
  const service = make("th", "columnheader");
  service.scope = "col";
  service.textContent = texts.service;
  names.append(make("td", "cell"));
  headings.append(service);
  for (const [channel, its] of groups) {
    const group = make("th", "columnheader");
    group.scope = "colgroup";
    group.colSpan = its.length;
    group.textContent = texts[`channel_${channel}`];
    names.append(group);
    for (const [name] of its) {
      const head = make("th", "columnheader", "number");
      head.classList.toggle("first", name === its[0][0]);
      head.scope = "col";
      head.textContent = texts[name];
      headings.append(head);
    }
  }
  $("services-head").replaceChildren(names, headings);
}

rove($("services-rows"));

const KINDS = { appointment: "appointments", feedback: "opinions" }; // other channels: cases
const MEASURES = { scale_csat_1_5: "csat", scale_nps_0_10: "nps", scale_ces_1_5: "ces_1_5", scale_ces_1_7: "ces_1_7", scale_jdma_0_10: "jdma" };
const MEANS = ["ces_1_5", "ces_1_7", "jdma"]; // scales shown with their mean of the day instead of a share
const TODAY = ["received", "closed", "first_response", "booked", "attended", "missed", "cancelled"];

/** Return the explanation of a figure of a service, or of all; `name` is that of a column. */
function aboutService(channel, name, figures, { cells }) {
  const measure = MEASURES[name];
  const index = columns.findIndex(([its, column]) => its === channel && column === name);
  const service = figures.service;
  const scope = service === undefined ? texts.all_services : nameOf(figures) || texts.no_service;
  const ratio = name === "response" ? figures.feedback?.response : measure === "csat" ? figures.feedback?.scores[name.slice(6)] : undefined;
  return {
    figure: `${KINDS[channel] ?? "matters"}_${measure ?? name}`,
    title: `${scope} – ${texts[`channel_${channel}`]} – ${texts[name]}`,
    value: cells[index].firstChild.textContent,
    ratio,
    when: channel === "feedback" || TODAY.includes(name) ? "of_today" : "of_now",
    means: MEANS.includes(measure) ? texts.means_opinions_mean : undefined,
    levels: "",
    place: { channel, service },
  };
}

function makeRow({ service }) {
  const row = make("tr", "row");
  addHead(row);
  unfold(row, service === undefined); // the total
  const entry = { row };
  const groups = {}; // without room for the table head, each row shows the names of the groups
  const cells = columns.map(([channel, name]) => {
    const cell = make("td", "cell", "number");
    cell.dataset.heading = texts[name];
    cell.append(explainedCell(() => aboutService(channel, name, entry.service, entry)));
    if (!groups[channel]) {
      groups[channel] = make("td", "cell", "group");
      groups[channel].textContent = texts[`channel_${channel}`];
      row.append(groups[channel]);
      cell.classList.add("first");
    }
    row.append(cell);
    return cell;
  });
  return Object.assign(entry, { groups, cells });
}

function showRow(entry, service, board) {
  const { row, groups, cells } = entry;
  entry.service = service;
  nameRow(row, service.service === undefined ? texts.all_services : nameOf(service) || texts.no_service);
  row.classList.toggle("total", service.service === undefined);
  point(row, service.service);
  explain(row.firstChild, openingOf(service));
  columns.forEach(([channel, name, text, title = () => ""], index) => {
    const figures = service[channel];
    const cell = cells[index];
    write(cell.firstChild, figures ? text(figures) : "");
    explain(cell, figures ? title(figures) : "");
    mark(cell, figures && name === "oldest" ? levelOfOldest(channel, figures, board) : NORMAL);
    cell.classList.toggle("none", !figures);
    groups[channel].classList.toggle("none", !figures);
  });
}

/** Show all services, with a total above them if there are several; nothing if only queues exist. */
export function showServices(board) {
  const { services, all_services: all, fewest_answers } = board;
  fewest = fewest_answers;
  $("services").hidden = $("services-rules").hidden = !services.length;
  if (!services.length) return;
  const groups = groupsOf(all);
  const wanted = JSON.stringify(groups.map(([channel, its]) => [channel, its.map(([name]) => name)]));
  let unfolded = [];
  if (wanted !== shape) {
    shape = wanted;
    unfolded = [...table.entries].filter(([, { row }]) => row.classList.contains("open")).map(([key]) => key);
    columns = groups.flatMap(([channel, its]) => its.map((column) => [channel, ...column]));
    makeHead(groups);
    table.show([], String, () => {});
  }
  const items = services.length > 1 ? [all, ...services] : services;
  table.show(items, ({ service }) => service ?? ALL, (entry, service) => showRow(entry, service, board));
  giveStop($("services-rows"));
  unfolded.filter((key) => table.entries.has(key)).forEach((key) => unfold(table.entries.get(key).row, true));
  write($("opinions-rule"), all.feedback ? t("opinions_rule", { n: format.count(fewest) }) : "");
}
