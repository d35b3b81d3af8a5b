// Moments and numbers as people read them: moments in their own time zone, days of dashboards in UTC.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const WEEKDAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeZone: "UTC" });
const SECOND = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat("en");
const DAY_SECONDS = 86_400;

/** The hour of today, the day of this year, or the date. */
export function brief(moment: string, now: Date = new Date()): string {
  const at = new Date(moment);
  if (at.toDateString() === now.toDateString()) return CLOCK.format(at);
  return (at.getFullYear() === now.getFullYear() ? DAY : DATE).format(at);
}

/** The date and the hour. */
export function full(moment: string): string {
  const at = new Date(moment);
  return `${DATE.format(at)}, ${CLOCK.format(at)}`;
}

/** The hour, to the second. */
export function clock(at: Date): string {
  return SECOND.format(at);
}

/** A day, written YYYY-MM-DD, such as "Sun, 1 Jun". */
export function weekday(day: string): string {
  return WEEKDAY.format(new Date(`${day}T00:00:00Z`));
}

/** The same in full. */
export function wholeDay(day: string): string {
  return WHOLE.format(new Date(`${day}T00:00:00Z`));
}

/** The days from the first to the last, written YYYY-MM-DD. */
export function daysFrom(first: string, last: string): string[] {
  const from = Date.parse(`${first}T00:00:00Z`);
  const count = Math.round((Date.parse(`${last}T00:00:00Z`) - from) / (DAY_SECONDS * 1000)) + 1;
  return Array.from({ length: count }, (_, index) => new Date(from + index * DAY_SECONDS * 1000).toISOString().slice(0, 10));
}

export function number(value: number): string {
  return NUMBER.format(value);
}

/** Seconds as hours and minutes, or minutes and seconds. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${number(Math.floor(minutes / 60))} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
