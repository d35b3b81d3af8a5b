// The dashboard: all panels are asked for at once, each is shown when it has come, and all are renewed as things happen.

import { one, say } from "../dom.ts";
import { follow, openPage, progress, type Opened } from "../page.ts";
import { wholeDay } from "../times.ts";
import { mark } from "../vitals.ts";
import { panels } from "./panels.ts";

/** Seconds for which things may happen before the panels are asked for again. */
const REST = 10;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

openPage("/dashboard", ["panels_complete"], start);

function start({ api }: Opened): void {
  const today = new URLSearchParams(location.search).get("today");
  say(one("#day", HTMLElement), shownDay(today ?? new Date().toISOString().slice(0, 10)));
  const asked = panels(api, today);

  let come = 0;
  const first = asked.map(async (panel) => {
    const shown = await panel.ask();
    if (shown) progress(`${++come} of ${asked.length} panels shown`);
  });
  progress(`Loading ${asked.length} panels`);
  void Promise.all(first).then(() => {
    const complete = come === asked.length;
    // A dashboard that is broken must not be told of as one that was quick.
    if (complete) mark("panels_complete");
    progress(complete ? "All panels shown" : `${come} of ${asked.length} panels shown`);
  });

  const renew = (): void => {
    for (const panel of asked) void panel.ask();
  };
  let soon = 0;
  const renewSoon = (): void => {
    if (soon !== 0) return;
    soon = setTimeout(() => {
      soon = 0;
      renew();
    }, REST * 1000);
  };
  follow(api, { event: renewSoon, anew: renewSoon, poll: renew });
}

/** What is no day is shown as it is: the panels say what is wrong with it. */
function shownDay(text: string): string {
  const known = DAY.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
  return known ? `${wholeDay(text)}, in UTC` : text;
}
