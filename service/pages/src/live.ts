// The inbox as it happens, by the service's live connection: events numbered without a gap, each told once and in
// order. While there is no connection its follower is asked to poll, and it is tried again, less and less often.

import type { Api } from "./api.ts";
import { ApiError } from "./api.ts";
import type { LiveEvent, LiveMessage, LiveTicket } from "./models.ts";

/** Seconds between two polls while there is no connection. */
export const POLL = 30;

const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 30;
/** Seconds within which a connection says hello. */
const HELLO_WITHIN = 10;
/** The close code of a connection that is too far behind to go on. */
const GONE = 4410;

export type LiveState = "connecting" | "live" | "polling";

/** Who is told what happens. */
export interface Follower {
  /** Something happened; each event once, in the order of its number. */
  event(event: LiveEvent): void;
  /** Whatever was read before this may be out of date, and no event will say so: read it again. */
  anew(): void;
  /** No event comes just now: ask. */
  poll(): void;
  state(state: LiveState): void;
}

export class Live {
  readonly #api: Api;
  readonly #follower: Follower;
  #socket: WebSocket | null = null;
  /** The number of the last event seen; null when there is nothing to go on from. */
  #after: number | null = null;
  #heartbeat = 0;
  #pause = FIRST_PAUSE;
  #silence = 0;
  #again = 0;
  #polling = 0;
  /** Counts attempts: what an earlier one still brings is not listened to. */
  #attempt = 0;
  #running = false;

  constructor(api: Api, follower: Follower) {
    this.#api = api;
    this.#follower = follower;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    if (this.#polling === 0) this.#follower.state("connecting");
    void this.#connect();
  }

  /** Follow no more; `start` goes on after the last event seen. */
  stop(): void {
    this.#running = false;
    this.#drop();
    clearTimeout(this.#again);
    this.#stopPolling();
  }

  /** Try now what would be tried after a pause: somebody looks again, or the network is back. */
  soon(): void {
    if (!this.#running || this.#polling === 0 || this.#socket !== null) return;
    this.#pause = FIRST_PAUSE;
    void this.#connect();
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#again);
    const attempt = ++this.#attempt;
    let ticket: string;
    try {
      ({ ticket } = await this.#api.post<LiveTicket>("/api/live/ticket"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (attempt === this.#attempt) this.#lost();
      return;
    }
    if (attempt !== this.#attempt) return;
    const address = new URL("/api/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("ticket", ticket);
    if (this.#after !== null) address.searchParams.set("after", String(this.#after));
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onmessage = ({ data }: MessageEvent<string>) => this.#hear(JSON.parse(data) as LiveMessage);
    socket.onclose = ({ code }) => {
      if (code === GONE) this.#after = null;
      this.#lost();
    };
    this.#expect(HELLO_WITHIN);
  }

  #hear(message: LiveMessage): void {
    if (message.kind === "hello") {
      this.#hello(message.after, message.heartbeat);
    } else {
      this.#expect(2 * this.#heartbeat);
      if (message.kind !== "heartbeat") this.#happened(message);
    }
  }

  #hello(after: number, heartbeat: number): void {
    const begins = this.#after === null;
    this.#after = after;
    this.#heartbeat = heartbeat;
    this.#pause = FIRST_PAUSE;
    this.#expect(2 * heartbeat);
    this.#stopPolling();
    this.#follower.state("live");
    if (begins) this.#follower.anew();
  }

  #happened(event: LiveEvent): void {
    const next = (this.#after ?? 0) + 1;
    if (event.number < next) return;
    if (event.number > next) {
      // The service has no gaps: whatever this is, only to begin again is right.
      this.#after = null;
      this.#lost();
      return;
    }
    this.#after = event.number;
    this.#follower.event(event);
  }

  /** Give the connection up when it says nothing for so many seconds. */
  #expect(seconds: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), seconds * 1000);
  }

  #lost(): void {
    this.#drop();
    if (!this.#running) return;
    if (this.#polling === 0) {
      this.#polling = setInterval(() => this.#follower.poll(), POLL * 1000);
      this.#follower.state("polling");
      this.#follower.poll();
    }
    // Half of the pause by chance: not everybody whom a service lost is to come back at once.
    this.#again = setTimeout(() => void this.#connect(), this.#pause * (0.5 + Math.random() / 2) * 1000);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  /** No connection, and nothing expected of the one there was: on a dead line its end would be long in coming. */
  #drop(): void {
    this.#attempt++;
    clearTimeout(this.#silence);
    clearTimeout(this.#again);
    if (this.#socket === null) return;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #stopPolling(): void {
    clearInterval(this.#polling);
    this.#polling = 0;
  }
}
