// The day's curve. Series are told apart by colour and by dash; the legend is HTML and shows the moment under the cursor.

const NAMES = ["offered", "answered", "abandoned"];
const DASHES = { offered: [], answered: [10, 5], abandoned: [2, 4] };
// The usual working day is always in sight; earlier and later calls widen it.
const FIRST_HOUR = 8;
const LAST_HOUR = 18;
const HOUR = 3600;

const style = getComputedStyle(document.documentElement);
const token = (name) => style.getPropertyValue(name).trim();

export class Chart {
  constructor(box, timeZone, format, onMoment) {
    this.box = box;
    this.timeZone = timeZone;
    this.onMoment = onMoment;
    this.format = format;
    this.columns = [[], [], [], []];
    this.range = [0, 1];
    new ResizeObserver(() => this.resize()).observe(box);
  }

  /** Show `day` as of `now`, in seconds: the step that is under way is drawn as wide as it is old. */
  show(day, now) {
    const { start, end, step, offered } = day;
    const times = offered.map((_, index) => start + index * step);
    const last = offered.length - 1;
    const until = Math.max(times[last] + 1, Math.min(now, times[last] + step));
    this.columns = [[...times, until], ...NAMES.map((name) => [...day[name], day[name][last]])];
    const busy = times.filter((_, index) => NAMES.some((name) => day[name][index]));
    this.range = [
      Math.min(start + FIRST_HOUR * HOUR, busy.length ? busy[0] - step : end),
      Math.max(start + LAST_HOUR * HOUR, busy.length ? Math.min(busy[busy.length - 1] + 2 * step, end) : start),
    ];
    if (this.plot) this.plot.setData(this.columns);
    else this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (this.plot && width && height) this.plot.setSize({ width, height });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    const size = Math.round(parseFloat(getComputedStyle(this.box).fontSize)); // uPlot reads whole pixels only
    const axis = {
      stroke: token("--muted"),
      font: `${size}px ${token("--font")}`,
      grid: { stroke: token("--line"), width: 1 },
      ticks: { show: false },
    };
    const options = {
      width,
      height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), this.timeZone),
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { size: 8 } },
      scales: { x: { time: true, range: () => this.range }, y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] } },
      axes: [
        {
          ...axis,
          size: size * 2,
          space: size * 4.5,
          incrs: [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR],
          values: (_, splits) => splits.map((time) => this.format.hour(time * 1000)),
        },
        {
          ...axis,
          size: size * 3.5,
          space: size * 2,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          values: (_, splits) => splits.map(this.format.count),
        },
      ],
      series: [{}, ...NAMES.map((name) => this.series(name))],
      hooks: { setCursor: [(plot) => this.onMoment(this.moment(plot.cursor.idx))] },
    };
    this.plot = new uPlot(options, this.columns, this.box);
  }

  series(name) {
    const colour = token(`--series-${name}`);
    return {
      label: name,
      stroke: colour,
      width: name === "offered" ? 2 : 2.5,
      dash: DASHES[name],
      fill: name === "offered" ? token("--series-offered-fill") : undefined,
      paths: uPlot.paths.stepped({ align: 1 }),
      points: { show: false },
    };
  }

  moment(index) {
    if (index === null || index === undefined) return null;
    const values = NAMES.map((name, place) => [name, this.columns[place + 1][index]]);
    return { at: this.columns[0][index], values: Object.fromEntries(values) };
  }
}
