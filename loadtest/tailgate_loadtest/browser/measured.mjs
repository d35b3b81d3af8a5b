// What the page that is measured tells of itself: measure.js, in each of a visit's documents, reports as things happen.
//
// The visit's first document at the host's origin is the one that counts. Reports come through a binding, which a page
// can neither see nor call; whatever they hold is checked: it is the page's word.

import { cleaned, within } from "./texts.mjs";

const BINDING = "__tailgate";
const LEAVE = 'globalThis[Symbol.for("tailgate.leave")]?.()';
const LEFT_WITHIN = 5;
const MOST_SECONDS = 600;
const MOST_CLS = 100;
const MOST_TIMINGS = 40;
const TIMING = /^[a-z][a-z0-9_]{0,39}$/;

const UNPAINTED = "nothing was painted";
/** Why there is none of a measure, on a page that did not fail. */
const WITHOUT = {
  lcp: UNPAINTED,
  inp: "no interaction",
  cls: UNPAINTED,
  fcp: UNPAINTED,
  ttfb: "the page never finished loading",
};

export class Measured {
  #session;
  #origin;
  #latency;
  #document = null;
  #measuring = false;
  #painted;

  path = null;
  /** The first other origin at which the visit opened a page. */
  elsewhere = null;
  values = {};
  timings = {};
  element = null;
  /** Two at most, whatever the page tells. */
  warnings = [];

  /** `network`: what is emulated, or null; `painted`: told when a paint is larger than any before. */
  constructor(session, origin, network, painted) {
    this.#session = session;
    this.#origin = origin;
    this.#latency = network?.latency ?? 0;
    this.#painted = painted;
  }

  /** Put the measuring script into every document from now on. */
  async watch(source) {
    const session = this.#session;
    session.on("Runtime.bindingCalled", ({ name, payload }) => name === BINDING && this.#take(payload));
    // Both must be on for what follows to outlive a change of the page's process.
    await session.send("Page.enable");
    await session.send("Runtime.enable");
    await session.send("Runtime.addBinding", { name: BINDING });
    await session.send("Page.addScriptToEvaluateOnNewDocument", { source });
  }

  begin() {
    this.#measuring = true;
  }

  /**
   * Let the page take itself for hidden, as one that is left does: then every measure is final, and beacons go.
   * Returns whether it did.
   */
  async leave() {
    const leaving = this.#session.send("Runtime.evaluate", { expression: LEAVE, awaitPromise: true });
    const left = (await within(LEFT_WITHIN, leaving)) !== undefined;
    if (!left) this.warnings.push("a page did not answer when it was left: its last numbers may be missing");
    this.#measuring = false;
    return left;
  }

  /** Of each measure that there is none of, why. */
  missing(failed) {
    const without = Object.entries(WITHOUT).filter(([name]) => !(name in this.values));
    return Object.fromEntries(failed ? without.map(([name]) => [name, "the visit failed"]) : without);
  }

  #take(payload) {
    if (!this.#measuring) return;
    const told = parsed(payload);
    if (told.kind === "document") this.#began(told);
    else if (told.document !== this.#document) return;
    else if (told.kind === "vital") this.#vital(told);
    else if (told.kind === "timing") this.#timing(told);
  }

  #began({ document, origin, path }) {
    if (origin !== this.#origin) {
      this.elsewhere ??= cleaned(origin, 100);
    } else if (this.#document === null) {
      this.#document = document;
      this.path = cleaned(path, 200);
    } else if (document !== this.#document && this.warnings.length === 0) {
      this.warnings.push(`a visit went on to ${cleaned(path, 100)}: only its first page is measured`);
    }
  }

  #vital({ name, value, element, asked }) {
    if (!Object.hasOwn(WITHOUT, name) || !plausible(value, name === "cls" ? MOST_CLS : MOST_SECONDS)) return;
    this.values[name] = value;
    // Chromium notes the first byte before it delays it by what it emulates. Paints are as late as they should be.
    if (name === "ttfb" && plausible(asked, MOST_SECONDS)) this.values.ttfb = Math.max(value, asked + this.#latency);
    if (name === "lcp") {
      this.element = typeof element === "string" ? cleaned(element, 200) : null;
      this.#painted(value);
    }
  }

  #timing({ name, value }) {
    if (typeof name !== "string" || !TIMING.test(name) || Object.hasOwn(this.timings, name)) return;
    if (!plausible(value, MOST_SECONDS)) return;
    if (Object.keys(this.timings).length < MOST_TIMINGS) this.timings[name] = value;
  }
}

function parsed(payload) {
  try {
    return JSON.parse(payload) ?? {};
  } catch {
    return {}; // it was none of ours
  }
}

function plausible(value, most) {
  return typeof value === "number" && value >= 0 && value <= most;
}
