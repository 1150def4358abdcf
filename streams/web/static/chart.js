// Chart of the day, with the typical day of this weekday. Series differ by colour and by dash. The legend is HTML and shows the
// values under the cursor. The current step is not part of the curve: it is incomplete and would look like a drop.

const NAMES = ["received", "answered", "abandoned"];
const DASHES = { received: [], answered: [10, 5], abandoned: [2, 4], usual: [14, 8] };
// The axis always covers the usual working day; earlier and later calls widen it.
const FIRST_HOUR = 8;
const LAST_HOUR = 18;
const HOUR = 3600;

const style = getComputedStyle(document.documentElement);
const token = (name) => style.getPropertyValue(name).trim();

export class Chart {
  constructor(box, timeZone, format, underWay, onMoment) {
    this.box = box;
    this.timeZone = timeZone;
    this.onMoment = onMoment;
    this.format = format;
    this.underWay = underWay; // its label
    this.open = null; // the current step: from, to, values
    this.columns = [[], [], [], [], []];
    this.closed = 0; // number of complete steps
    this.hours = { start: null, of: [] }; // hour of the clock of each step
    this.range = [0, 1];
    new ResizeObserver(() => this.resize()).observe(box);
  }

  /** Show `day` as of `now` (seconds); `usual` is the typical number of calls in each hour, null if unknown. */
  show(day, now, usual) {
    const { start, end, step, received } = day;
    const times = received.map((_, index) => start + index * step);
    const closed = times.filter((time) => time + step <= now).length;
    const until = start + closed * step;
    const values = (name) => [...day[name].slice(0, closed), day[name][closed - 1] ?? null];
    const rest = usual ? Array.from({ length: Math.max(0, (end - until) / step) }, (_, index) => until + (index + 1) * step) : [];
    const all = [...times.slice(0, closed), until, ...rest];
    const none = rest.map(() => null);
    const expected = usual ? this.hoursOf(day).slice(0, all.length).map((hour) => (usual[hour] * step) / HOUR) : [];
    const filled = all.map((_, index) => expected[index] ?? null);
    this.closed = closed;
    this.columns = [all, ...NAMES.map((name) => [...values(name), ...none]), filled];
    const sum = (name) => [name, day[name].slice(closed).reduce((total, number) => total + number, 0)];
    this.open = closed < received.length ? { from: until, to: now, values: Object.fromEntries(NAMES.map(sum)) } : null;
    const busy = times.filter((_, index) => NAMES.some((name) => day[name][index]));
    this.range = [
      Math.min(start + FIRST_HOUR * HOUR, busy.length ? busy[0] - step : end),
      Math.max(start + LAST_HOUR * HOUR, busy.length ? Math.min(busy[busy.length - 1] + 2 * step, end) : start),
    ];
    if (this.plot) this.plot.setData(this.columns);
    else this.draw();
  }

  /** Return the hour of the clock of each step; a day may have 23 or 25 of them. */
  hoursOf({ start, end, step }) {
    if (this.hours.start !== start) {
      const steps = Array.from({ length: (end - start) / step }, (_, index) => start + index * step);
      this.hours = { start, of: steps.map((time) => uPlot.tzDate(new Date(time * 1000), this.timeZone).getHours()) };
    }
    return this.hours.of;
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
    this.scale = Math.max(1, size / 16); // on a wall, lines must be wider
    const options = {
      width,
      height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), this.timeZone),
      legend: { show: false },
      padding: [null, size * 1.5, null, null], // half of the last hour label extends beyond the curve
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
      series: [{}, ...[...NAMES, "usual"].map((name) => this.series(name))],
      hooks: {
        draw: [(plot) => this.open && this.open.from < this.range[1] && this.drawOpen(plot, size * devicePixelRatio)],
        setCursor: [(plot) => this.onMoment(this.moment(plot.cursor.idx))],
      },
    };
    this.plot = new uPlot(options, this.columns, this.box);
  }

  series(name) {
    const colour = token(`--series-${name}`);
    return {
      label: name,
      stroke: colour,
      width: (name === "received" ? 2 : 2.5) * this.scale,
      dash: DASHES[name].map((length) => length * this.scale),
      fill: name === "received" ? token("--series-received-fill") : undefined,
      paths: uPlot.paths.stepped({ align: 1 }),
      points: { show: false },
    };
  }

  /** Draw a band from the end of the curve until now, with its label if it fits. */
  drawOpen(plot, size) {
    const { ctx, bbox } = plot;
    const [from, to] = [this.open.from, this.open.to].map((time) => plot.valToPos(time, "x", true));
    ctx.save();
    ctx.fillStyle = token("--line");
    ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
    ctx.fillStyle = token("--muted");
    ctx.font = `${size}px ${token("--font")}`;
    const fits = to + size + ctx.measureText(this.underWay).width < bbox.left + bbox.width;
    ctx.textAlign = fits ? "left" : "right";
    ctx.textBaseline = "top";
    ctx.strokeStyle = token("--panel");
    ctx.lineWidth = size / 3;
    for (const write of ["strokeText", "fillText"]) ctx[write](this.underWay, fits ? to + size / 3 : from - size / 3, bbox.top);
    ctx.restore();
  }

  /** Return the `values` of one step, and the typical number of calls in it (null if unknown); null without a step. */
  moment(index) {
    if (index === null || index === undefined) return null;
    const usual = this.columns[4][index] ?? null;
    if (this.open && index === this.closed) return { at: this.open.from, values: this.open.values, usual, underWay: true };
    const values = Object.fromEntries(NAMES.map((name, place) => [name, this.columns[place + 1][index]]));
    return { at: this.columns[0][index], values, usual, isAhead: index > this.closed };
  }
}
