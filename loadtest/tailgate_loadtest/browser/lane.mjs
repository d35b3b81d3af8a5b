// Browsers that do the same under the same conditions, each one visit after another.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

import { closed, launch, options } from "./chromium.mjs";
import * as plain from "./plain.mjs";
import { described, drawing, now, within } from "./texts.mjs";
import { visit } from "./visit.mjs";

const BREATH = 1; // seconds between a visit that failed and the next: what fails at once must not fill the disk
const AROUND = 40; // seconds that setting a visit up and leaving it may take, besides the visit
const LAUNCHES = 3;
const EARLY = 3; // visits of which any may turn out to be the slowest, or like most
const NEAR = 0.05;
// A query is nobody else's business, and half a letter is none that can be written.
const PAGE = /^\/[^?#\p{C}]{0,199}$/u;

export class Lane {
  /** A lane whose browsers have started. */
  static async of(run, index, lane) {
    const made = new Lane(run, index, lane, await scriptOf(lane));
    for (let n = 0; n < lane.count; n++) made.slots.push(await Slot.of(run));
    return made;
  }

  constructor(run, index, lane, script) {
    Object.assign(this, { run, index, lane, script });
    this.slots = [];
    this.left = lane.visits ?? Infinity;
    this.begun = 0;
    this.paints = []; // of the judged visits that went well, ascending
  }

  get version() {
    return this.slots[0].browser.version();
  }

  /** Visit until all was visited, or no more are wanted. */
  async drive() {
    await Promise.all(this.slots.map((slot, n) => this.#drive(slot, n)));
  }

  async close() {
    await Promise.all(this.slots.map(({ browser }) => closed(browser)));
  }

  async #drive(slot, n) {
    const { every, name } = this.lane;
    // Browsers of a lane do not all begin at once, where there is a pause to be shared.
    let due = now() + (every * n) / this.slots.length;
    while (await this.#until(due)) {
      const late = every > 0 ? Math.max(now() - due, 0) : 0;
      const record = await this.#visited(slot, late);
      if (record !== null) this.run.say({ visit: record });
      const well = record !== null && record.failed === null;
      if (well && record.began >= this.run.judgedFrom) this.#painted(record.values.lcp);
      const usable = await slot.ready(record === null);
      if (!usable) {
        this.run.say({ lost: `a browser of lane ${name} died, and could not be started again` });
        return;
      }
      due = Math.max(due + every, now() + (well ? 0 : BREATH));
    }
  }

  /** Whether there is another visit to be made, once it is due. */
  async #until(due) {
    const { finishing } = this.run;
    try {
      await sleep(Math.max(due - now(), 0) * 1e3, undefined, { signal: finishing });
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
    return !finishing.aborted && this.left-- > 0;
  }

  /** What became of one visit; null: the browser failed. */
  async #visited(slot, late) {
    const { lane, run } = this;
    const visiting = this.#visit(slot, late).catch((error) => {
      run.say({ warning: `a browser of lane ${lane.name} failed: ${described(error)}` });
      return null;
    });
    return (await within(run.orders.within + AROUND, visiting)) ?? null;
  }

  #painted(seconds) {
    if (seconds === undefined) return;
    this.paints.push(seconds);
    this.paints.sort((a, b) => a - b);
  }

  /** Whether a picture of a paint may be shown: it is judged, and an early one, later than any, or as late as most. */
  #worth(seconds) {
    if (now() - seconds < this.run.judgedFrom) return false;
    const { length } = this.paints;
    if (length < EARLY) return true;
    const median = this.paints[(length - 1) >> 1];
    return seconds > this.paints[length - 1] || Math.abs(seconds - median) <= NEAR * median;
  }

  async #visit(slot, late) {
    const { index, lane, run, script } = this;
    const number = ++run.visits;
    const random = drawing(run.orders.seed, index, ++this.begun);
    const context = await slot.context(lane, script);
    return visit({
      ...{ run, lane, script, context, number, random },
      traceId: randomBytes(16).toString("hex"),
      worth: (seconds) => this.#worth(seconds),
      began: () => run.say({ begun: { lane: index, at: now(), late } }),
    });
  }
}

/** One browser, and the context of its visitor. */
class Slot {
  #run;
  #context;

  static async of(run) {
    const slot = new Slot(run);
    slot.browser = await launch(run.chromium, run.orders);
    return slot;
  }

  constructor(run) {
    this.#run = run;
  }

  /** The context of a visitor who has never been there. */
  async context(lane, script) {
    this.#context = await this.browser.newContext(options(this.browser, this.#run.orders, lane, script));
    return this.#context;
  }

  /** Whether there is a browser for the next visit, once the last one's context is closed. */
  async ready(failed) {
    const usable = !failed && this.browser.isConnected() && (await closed(this.#context));
    return usable || (await this.#relaunch());
  }

  async #relaunch() {
    await closed(this.browser);
    for (let attempt = 0; attempt < LAUNCHES; attempt++) {
      try {
        this.browser = await launch(this.#run.chromium, this.#run.orders);
        return true;
      } catch (error) {
        this.#run.say({ warning: described(error) });
      }
    }
    return false;
  }
}

async function scriptOf(lane) {
  if (lane.script === null) return plain;
  let script;
  try {
    script = await import(pathToFileURL(lane.script).href);
  } catch (error) {
    throw new Error(`${lane.script}: cannot be read as an ES module: ${described(error)}`, { cause: error });
  }
  if (typeof script.default !== "function") {
    const cure = "write: export default async function visit({ page, host }) {…}";
    throw new Error(`${lane.script}: exports no visit; ${cure}`);
  }
  const { page } = script;
  if (page !== undefined && !(typeof page === "string" && PAGE.test(page))) {
    throw new Error(`${lane.script}: page must be a path such as "/orders/{id}", and is ${inspect(page)}`);
  }
  return script;
}
