// What all pages have in common: they are measured, need somebody signed in, and say whether they are live.

import { Api } from "./api.ts";
import { one, say } from "./dom.ts";
import { Live, POLL, type Follower, type LiveState } from "./live.ts";
import { forget, kept, type Session } from "./session.ts";
import { signIn } from "./sign-in.ts";
import { measure } from "./vitals.ts";

const SAID: Record<LiveState, string> = {
  connecting: "Connecting",
  live: "Live",
  polling: `Connection lost: checking every ${POLL} s`,
};

/** A page with somebody signed in. */
export interface Opened {
  api: Api;
  session: Session;
}

/** A page by its path, with the moments that it marks; `start` is called once, when somebody is signed in. */
export function openPage(page: string, timings: readonly string[], start: (opened: Opened) => void): void {
  let current = kept();
  // Who has to sign in first makes every moment wait for it: of such a view none is told.
  measure(page, current === null ? [] : timings);
  const view = one("#view", HTMLElement);
  let over = false;

  const begin = (session: Session): void => {
    current = session;
    const out = one("#sign-out", HTMLButtonElement);
    say(one("#workspace", HTMLElement), session.name);
    out.hidden = false;
    out.onclick = () => {
      forget();
      location.reload();
    };
    view.hidden = false;
    start({ api: new Api(session, session.workspace, refused), session });
  };
  // What began with one session is not gone on with by another: the page is loaded again.
  const refused = (why: string): void => {
    if (over) return;
    over = true;
    forget();
    view.hidden = true;
    dispatchEvent(new Event("signed-out"));
    signIn(why, () => location.reload());
  };

  if (current !== null) begin(current);
  else signIn("", begin);
  // A page that the browser kept is shown to nobody who is not signed in any more.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted && current !== null && kept() === null) location.reload();
  });
}

/** Say at the top how far the page has come. */
export function progress(text: string): void {
  say(one("#progress", HTMLElement), text);
}

/** Say at the top whether the page is told what happens. */
export function connection(state: LiveState | "off", text: string = state === "off" ? "" : SAID[state]): void {
  const line = one("#connection", HTMLElement);
  line.dataset["state"] = state;
  say(line, text);
}

/** Let `follower` know what happens for as long as the page is shown and somebody is signed in. */
export function follow(api: Api, follower: Omit<Follower, "state">): void {
  const live = new Live(api, {
    event: (event) => follower.event(event),
    anew: () => follower.anew(),
    poll: () => follower.poll(),
    state: (state) => connection(state),
  });
  live.start();
  // A page with an open connection is not kept for going back to.
  addEventListener("pagehide", () => live.stop());
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) live.start();
  });
  addEventListener("online", () => live.soon());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") live.soon();
  });
  addEventListener("signed-out", () => {
    live.stop();
    connection("off");
  });
}
