// A visit's pictures: when a larger paint than any before is told of, and at the end.
//
// The first is taken beside the visit: the paint's own time is known by then, but what the page does next has less
// processor for as long as a picture takes, which is told of each visit. So it is taken only where it may be shown.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { within } from "./texts.mjs";

const MOST_PAINTS = 3; // of one visit; later ones would take too much of it
const SEEN_WITHIN = 2.5;
const HOW = { format: "jpeg", quality: 60, optimizeForSpeed: true };

export class Pictures {
  #session;
  #orders;
  #name;
  #worth;
  #working = null;
  #wanted = false;
  #stale = false;
  #taken = 0;

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
    this.#wanted = this.#taken < MOST_PAINTS && this.#worth(seconds);
    this.#stale = !this.#wanted;
    if (this.#wanted) this.#working ??= this.#paints();
  }

  /** Wait for those that are being taken, take no more of paints, and keep none that is not of the last one. */
  async end() {
    this.#taken = MOST_PAINTS;
    await this.#working;
    if (this.#stale && this.files.lcp !== undefined) {
      await rm(join(this.#orders.directory, this.files.lcp), { force: true });
      delete this.files.lcp;
    }
  }

  /** How the page looks now; whether that could be seen. */
  async take(kind) {
    if (!this.#orders.pictures) return false;
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

  async #paints() {
    while (this.#wanted && this.#taken < MOST_PAINTS) {
      this.#wanted = false;
      this.#taken += 1;
      const began = performance.now();
      if (!(await this.take("lcp"))) this.#stale = true;
      this.seconds += (performance.now() - began) / 1e3;
    }
    this.#working = null;
  }
}
