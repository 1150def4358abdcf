// Formats of figures: French or English numbers, waits as 3:12, 24-hour times in the time zone of the organisation.

const MONTHS = 180 * 86_400_000; // in milliseconds
const HOUR = 3600; // in seconds
const DAY = 24 * HOUR;
const MANY_DAYS = 10; // from this number of days on, hours are left out

const pad = (number) => String(number).padStart(2, "0");

/** Return `m:ss`, or `h:mm:ss` from an hour on; a dash for null. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** Return a ratio as a number, or null if the denominator is 0. */
export const share = ({ numerator, denominator }) => (denominator ? numerator / denominator : null);

export class Format {
  constructor(lang, timeZone) {
    const locale = lang === "fr" ? "fr-FR" : "en-GB";
    this.numbers = new Intl.NumberFormat(locale);
    this.tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    const time = { timeZone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
    this.minutes = new Intl.DateTimeFormat(locale, time);
    this.seconds = new Intl.DateTimeFormat(locale, { ...time, second: "2-digit" });
    const date = { timeZone, day: "numeric", month: "long" };
    this.weekday = new Intl.DateTimeFormat(locale, { ...date, weekday: "long" });
    this.year = new Intl.DateTimeFormat(locale, { ...date, year: "numeric" });
    this.brief = new Intl.DateTimeFormat(locale, { timeZone, weekday: "short", day: "numeric", month: "short" });
    this.shortDay = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short" });
    this.whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
    this.withSign = new Intl.NumberFormat(locale, { maximumFractionDigits: 0, signDisplay: "exceptZero" });
    this.money = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });
    this.dayUnit = lang === "fr" ? "j" : "d";
    this.percentSign = lang === "fr" ? "\u202f%" : "%";
  }

  count = (number) => this.numbers.format(number);

  /** Without the percent sign, which tiles show smaller. */
  hundredths(ratio) {
    const value = share(ratio);
    return value === null ? "–" : value === 1 ? "100" : this.tenths.format(100 * value);
  }

  percent(ratio) {
    const text = this.hundredths(ratio);
    return text === "–" ? text : text + this.percentSign;
  }

  /** In whole percent: few answers do not justify more digits. */
  wholePercent = (ratio) => this.whole.format(100 * share(ratio)) + this.percentSign;

  euros = (cents) => this.money.format(cents / 100);

  signed = (number) => this.withSign.format(number);

  /** Return a duration in days and hours, in hours, or in minutes; a dash for null. */
  age(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    const [days, hours] = [Math.floor(seconds / DAY), Math.floor(seconds / HOUR)];
    const unit = (number, name) => `${this.count(number)}\u202f${name}`;
    if (days >= MANY_DAYS) return unit(days, this.dayUnit);
    if (days) return `${unit(days, this.dayUnit)}\u00a0${unit(hours % 24, "h")}`;
    return hours ? unit(hours, "h") : unit(Math.floor(seconds / 60), "min");
  }

  /** Return `2 h 05`, or minutes for less than an hour. */
  hours = (hours, minutes) => (hours ? `${this.count(hours)}\u202fh\u202f${pad(minutes)}` : `${minutes}\u202fmin`);

  hour = (milliseconds) => this.minutes.format(milliseconds);

  time = (milliseconds) => this.seconds.format(milliseconds);

  isToday = (milliseconds, now) => this.year.format(milliseconds) === this.year.format(now);

  /** Return the time of day, with a short date if it is not today; for the wall. */
  shortMoment = (milliseconds, now) =>
    this.isToday(milliseconds, now) ? this.hour(milliseconds) : `${this.brief.format(milliseconds)}, ${this.hour(milliseconds)}`;

  /** Return an ISO 8601 date as "5 mars". */
  day = (iso) => this.shortDay.format(Date.parse(iso));

  /** Return the date: with the weekday if recent, otherwise with the year. */
  date = (milliseconds, now) => (now - milliseconds < MONTHS ? this.weekday : this.year).format(milliseconds);

  /** Return the time of day, with the date if it is not today. */
  moment(milliseconds, now) {
    const time = this.time(milliseconds);
    return this.isToday(milliseconds, now) ? time : `${time}, ${this.date(milliseconds, now)}`;
  }

  today(now) {
    const text = this.weekday.format(now);
    return text.charAt(0).toUpperCase() + text.slice(1);
  }
}
