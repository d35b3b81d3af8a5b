// The calls of some days: a table by day and outcome, each day with a bar as long as it had calls.

import { make, one, say } from "../dom.ts";
import type { CallCounts, CallsDashboard, Outcome } from "../models.ts";
import { daysFrom, duration, number, weekday } from "../times.ts";

export const DAYS = 7;
const OUTCOMES: readonly Outcome[] = ["answered", "missed", "voicemail", "failed"];
const NONE: CallCounts = { answered: 0, missed: 0, voicemail: 0, failed: 0, seconds: 0 };

/** How many calls there were. */
export function all(counts: CallCounts): number {
  return OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0);
}

/** Make the rows of the table in `view`; what comes back fills them. */
export function calls(view: HTMLElement): (answer: CallsDashboard) => void {
  const total = one(".total", HTMLElement, view);
  const places = Array.from({ length: DAYS }, () => {
    const day = make("th", { scope: "row" });
    const cells = OUTCOMES.map(() => make("td", { class: "n" }));
    const talk = make("td", { class: "n wide" });
    const bar = make("div", { class: "bar" });
    return { row: make("tr", {}, day, ...cells, talk, make("td", { class: "share", "aria-hidden": "true" }, bar)), day, cells, talk, bar };
  });
  one("tbody", HTMLElement, view).replaceChildren(...places.map(({ row }) => row));

  return (answer) => {
    const known = new Map(answer.days.map((counts) => [counts.day, counts]));
    const days = daysFrom(answer.since, answer.today).slice(-DAYS);
    const most = Math.max(1, ...answer.days.map(all));
    for (const [index, { day, cells, talk, bar }] of places.entries()) {
      const date = days[index];
      const counts = known.get(date ?? "") ?? NONE;
      say(day, date === undefined ? "" : weekday(date));
      for (const [place, outcome] of OUTCOMES.entries()) {
        const cell = cells[place];
        if (cell !== undefined) say(cell, number(counts[outcome]));
      }
      say(talk, duration(counts.seconds));
      bar.replaceChildren(...parts(counts, most));
    }
    say(total, summary(answer.total));
  };
}

function parts(counts: CallCounts, most: number): HTMLElement[] {
  const shown = OUTCOMES.filter((outcome) => counts[outcome] > 0);
  const made = shown.map((outcome) => sized(make("i", { "data-outcome": outcome }), counts[outcome]));
  return [...made, sized(make("i"), most - all(counts))];
}

function sized(part: HTMLElement, calls: number): HTMLElement {
  part.style.setProperty("--calls", String(calls));
  return part;
}

function summary(total: CallCounts): string {
  const count = all(total);
  if (count === 0) return `No calls in ${DAYS} days.`;
  const answered = Math.round((100 * total.answered) / count);
  return `${number(count)} ${count === 1 ? "call" : "calls"} in ${DAYS} days, ${answered} % answered, ${duration(total.seconds)} of talk`;
}
