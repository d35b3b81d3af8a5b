// One visit: a page of its own, which is set up, visited by the script, left, and closed.

import { Measured } from "./measured.mjs";
import { Network } from "./network.mjs";
import { Pictures } from "./pictures.mjs";
import { cleaned, described, now, within } from "./texts.mjs";

const MOST_ERRORS = 5;
const CLOSED_WITHIN = 5;
const LONGEST_WAIT = 30; // for anything that a script waits for, unless it says otherwise

/**
 * Visit, and tell what became of it: the fields of recording.py. Never fails by what the script or the page does.
 *
 * `task`: the run, its lane and its script; a context; the visit's number, its trace and the numbers it draws; `worth`,
 * whether a picture of a paint may be shown; and `began`, to be called once when what is measured begins.
 */
export async function visit(task) {
  const page = await task.context.newPage();
  try {
    return await new Visit(task, page, await task.context.newCDPSession(page)).made();
  } finally {
    await within(CLOSED_WITHIN, page.close());
  }
}

class Visit {
  constructor(task, page, session) {
    const { orders, origin } = task.run;
    Object.assign(this, { task, page, orders });
    this.network = new Network(session, orders, origin);
    this.pictures = new Pictures(session, orders, task.number, task.worth);
    this.measured = new Measured(session, origin, task.lane.network, (seconds) => this.pictures.painted(seconds));
    this.console = [];
    this.doing = null;
    this.began = null;
    page.setDefaultTimeout(Math.min(LONGEST_WAIT, 0.9 * orders.within) * 1e3);
    page.on("console", (message) => message.type() === "error" && this.#complained(message.text()));
    page.on("pageerror", (error) => this.#complained(error.message));
  }

  async made() {
    const failed = await this.#failure();
    const seconds = now() - this.began;
    this.network.end();
    await this.pictures.rest();
    await this.pictures.end(await this.measured.leave());
    await this.network.left();
    const { measured, network, pictures, task } = this;
    return {
      number: task.number,
      lane: task.lane.name,
      visit: task.lane.visit,
      page: task.script.page ?? measured.path,
      began: this.began,
      seconds,
      values: measured.values,
      timings: measured.timings,
      missing: measured.missing(failed !== null),
      lcp_element: measured.element,
      trace_id: task.traceId,
      failed,
      pictures: pictures.files,
      picture_seconds: pictures.seconds,
      requests: network.requests,
      bytes: network.bytes,
      console: this.console,
      warnings: measured.warnings,
    };
  }

  /** Why the visit fails, or null. */
  async #failure() {
    let fail;
    let timer;
    const stopped = new Promise((_, reject) => {
      fail = (text) => reject(new Error(text));
      timer = setTimeout(fail, this.orders.within * 1e3, `took longer than ${this.orders.within} s`);
    });
    this.page.on("crash", () => fail("the page crashed"));
    this.page.on("close", () => fail("the page was closed"));
    const visiting = this.#visit();
    // Whichever comes second is of no interest any more.
    visiting.catch(() => {});
    stopped.catch(() => {});
    try {
      await Promise.race([visiting, stopped]);
      return this.#wrong();
    } catch (error) {
      const where = this.doing === null ? "" : `${this.doing}: `;
      return cleaned(where + described(error));
    } finally {
      clearTimeout(timer);
      this.#begin();
    }
  }

  async #visit() {
    const { lane, run, script, random } = this.task;
    const given = { page: this.page, host: run.origin, url: this.orders.host, targets: run.targets, random };
    await this.network.watch();
    if (script.login) {
      this.doing = "login";
      await script.login(given);
      await this.page.goto("about:blank");
      await this.network.forget();
      this.doing = null;
    }
    await this.measured.watch(run.measure);
    await this.network.emulate(lane);
    this.#begin();
    await script.default({ ...given, step: (name, work) => this.#step(name, work) });
  }

  #begin() {
    if (this.began !== null) return;
    this.began = now();
    this.network.begin(this.task.traceId);
    this.measured.begin();
    this.task.began();
  }

  async #step(name, work) {
    this.doing = name;
    const done = await work();
    this.doing = null;
    return done;
  }

  /** What is wrong with a visit whose script came to its end. */
  #wrong() {
    const { elsewhere, path } = this.measured;
    if (path === null) {
      const other = elsewhere === null ? "" : `, but one of ${elsewhere}: give that if it is meant`;
      return `opened no page of ${this.task.run.origin}${other}`;
    }
    const { status } = this.network;
    return status !== null && status >= 400 ? `${path} was answered with status ${status}` : null;
  }

  #complained(text) {
    if (this.began !== null && this.console.length < MOST_ERRORS) this.console.push(cleaned(text));
  }
}
