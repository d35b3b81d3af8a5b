// A visit's pictures: when a larger paint than any before is told of, and at the end.
//
// Those of paints are taken beside the visit: the paint's own time is known by then, but what the page does next has
// less processor for as long as a picture takes, which is told of each visit. So they are taken only where they may be
// shown, and of a page that paints larger and larger ever more rarely: the last one then comes after its paint by as
// long as the page had been painting, at most, or when the visit is over. None is kept of a paint that was outdone.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { within } from "./texts.mjs";

const FIRST_PAUSE = 0.025; // seconds after a picture before the next, each twice as long: a minute has room for twelve
const SEEN_WITHIN = 2.5;
const HOW = { format: "jpeg", quality: 60, optimizeForSpeed: true };

export class Pictures {
  #session;
  #orders;
  #name;
  #worth;
  #over = new AbortController();
  #working = null;
  #pause = FIRST_PAUSE;
  /** Whether the last paint is to have a picture that was not begun yet. */
  #due = false;
  /** Whether the picture of a paint, once it is there, is of the last. */
  #current = false;

  files = {};
  seconds = 0;

  /** `worth` says of a paint, by its time, whether its picture may be shown. */
  constructor(session, orders, number, worth) {
    this.#session = session;
    this.#orders = orders;
    this.#worth = worth;
    this.#name = String(number).padStart(4, "0");
  }

  /** A paint, so many seconds after the page was asked for, was larger than any before. */
  painted(seconds) {
    if (!this.#orders.pictures) return;
    this.#current = false;
    this.#due = this.#worth(seconds);
    if (this.#due) this.#working ??= this.#paints();
  }

  /** Take none beside the visit any more: once this is done, none is being taken. */
  async rest() {
    this.#over.abort();
    await this.#working;
  }

  /** After the rest: take what is due and how the page looks at its end, if it can be seen; keep nothing outdone. */
  async end(visible) {
    if (!this.#orders.pictures) return;
    if (visible && this.#due) await this.#paint();
    if (!this.#current && this.files.lcp !== undefined) {
      await rm(join(this.#orders.directory, this.files.lcp), { force: true });
      delete this.files.lcp;
    }
    if (visible) await this.#take("end");
  }

  async #paints() {
    const { signal } = this.#over;
    while (this.#due && !signal.aborted) {
      const began = performance.now();
      await this.#paint();
      this.seconds += (performance.now() - began) / 1e3;
      await sleep(this.#pause * 1e3, undefined, { signal }).catch(() => {}); // the visit is over
      this.#pause *= 2;
    }
    this.#working = null;
  }

  async #paint() {
    this.#due = false;
    this.#current = true; // unless a larger one is told of while it is taken
    if (!(await this.#take("lcp"))) this.#current = false;
  }

  /** How the page looks now; whether that could be seen. */
  async #take(kind) {
    const file = join(this.#orders.picturesBelow, `${this.#name}-${kind}.jpg`);
    // Between two of its frames a page cannot be seen, once in a while: then it is looked at again.
    const picture = (await this.#seen()) ?? (await this.#seen());
    if (!picture) return false;
    await writeFile(join(this.#orders.directory, file), Buffer.from(picture.data, "base64"));
    this.files[kind] = file;
    return true;
  }

  /** A picture, or nothing: it could not be taken, or took too long. */
  #seen() {
    return within(SEEN_WITHIN, this.#session.send("Page.captureScreenshot", HOW));
  }
}
