// The chart of the day with its legend, on the board and on the wall. The legend shows the five minutes under the cursor, or else
// the day up to now.

import { Chart } from "./chart.js";
import { $, counts, format, now, t, texts, timeZone, write } from "./page.js";

const NAMES = ["received", "answered", "abandoned"];
let chart = null;
let board = null;

function showMoment(moment) {
  const values = moment ? moment.values : board?.all.today;
  for (const name of NAMES) {
    const value = moment?.isAhead ? "–" : values && format.count(values[name] ?? 0);
    write(document.querySelector(`.series-${name} .value`), value ?? "");
  }
  const usual = board?.usual;
  write(document.querySelector(".series-usual .value"), usual ? (moment ? describeRate(moment.usual) : describeByNow(usual)) : texts.nothing_to_compare);
  const name = moment?.underWay ? "chart_under_way" : "chart_at";
  write($("moment"), moment ? t(name, { time: format.hour(moment.at * 1000) }) : texts.chart_today);
}

/** Return in words the days of the typical day, or that no history exists yet. */
export function describeUsual(usual) {
  if (!usual) return texts.no_history;
  const last = usual.days.map((day) => format.day(day)).join(", ");
  return t(usual.of_sundays ? "usual_of_sundays" : "usual_of", { days: last });
}

export function showDay(shown) {
  board = shown;
  const { usual } = board;
  chart ??= new Chart($("chart"), timeZone, format, texts.under_way, showMoment);
  chart.show(board.day, now() / 1000, usual?.by_hour ?? null);
  $("chart").setAttribute("aria-label", t("chart_summary", counts(board.all.today)) + (usual ? ` ${describeNow(usual)}` : ""));
  const legend = document.querySelector(".series-usual");
  legend.classList.toggle("none", !usual);
  legend.title = describeUsual(usual);
  if (!chart.plot || chart.plot.cursor.idx === null) showMoment(null);
}

const describeRate = (usual) => (usual === null ? "–" : format.tenths.format(usual)); // per five minutes
const describeByNow = (usual) => format.count(Math.round(usual.by_now));
const describeNow = (usual) => t("usual_by_now", { n: describeByNow(usual) });
