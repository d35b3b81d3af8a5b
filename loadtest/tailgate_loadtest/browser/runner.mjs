// Drives real browsers: node runner.mjs MESSAGES, under its keeper (keeper.py), told and heard by process.py.
//
// On standard input there is one JSON object a line: first the orders (orders.py), then {"begin": true, "judgedFrom": T}
// with T since the epoch, {"finish": true}, {"cut": true}. What it has to say goes to the descriptor MESSAGES, alike:
//
//   ready: version       all browsers have started
//   refused: text        they have not, or a script is none; the end
//   begun: {lane, at, late}
//   visit: {...}         one has ended: recording.py's fields; `began` counts from the epoch
//   load: {...}          once a second: how long this loop stood still, in seconds
//   warning: text
//   lost: text           a browser is gone for good
//   done: true           no visit runs, and none is to come
//
// It ends when standard input does; whatever it has started is then killed by its keeper.

import { readFileSync, writeSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { Lane } from "./lane.mjs";
import { described } from "./texts.mjs";

const MESSAGES = Number(process.argv[2]);
const RESOLUTION_MS = 10;

function say(message) {
  try {
    writeSync(MESSAGES, `${JSON.stringify(message)}\n`);
  } catch {
    process.exit(1); // nobody listens any more
  }
}

/** A promise, and what keeps it. */
function promised() {
  let keep;
  const promise = new Promise((resolve) => {
    keep = resolve;
  });
  return { promise, keep };
}

const ordered = promised();
const begun = promised();
const finishing = new AbortController();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const message = JSON.parse(line);
    if (message.lanes) ordered.keep(message);
    else if (message.begin) begun.keep(message.judgedFrom);
    else if (message.finish) finishing.abort();
    else if (message.cut) process.exit(0);
  })
  .on("close", () => process.exit(0));

// A script may leave a promise behind that nobody waits for; its visit has ended then, and others go on.
process.on("unhandledRejection", (reason) => {
  say({ warning: `a visit script left something running that failed: ${described(reason)}` });
});

const orders = await ordered.promise;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
setInterval(() => {
  // What is recorded is how long its timer took, of which the least is meant.
  const stood = (ns) => Math.max(ns / 1e9 - RESOLUTION_MS / 1e3, 0);
  say({ load: { loop_delay_p99: stood(delay.percentile(99)), loop_delay_max: stood(delay.max) } });
}, 1000);

try {
  const { chromium } = await import(pathToFileURL(orders.driver).href);
  const targets = orders.targets === null ? null : JSON.parse(readFileSync(orders.targets, "utf8"));
  const run = {
    orders,
    chromium,
    targets,
    say,
    finishing: finishing.signal,
    measure: readFileSync(orders.measure, "utf8"),
    origin: new URL(orders.host).origin,
    visits: 0,
  };
  const lanes = [];
  for (const [index, lane] of orders.lanes.entries()) lanes.push(await Lane.of(run, index, lane));
  say({ ready: lanes[0].version });
  run.judgedFrom = await begun.promise;
  await Promise.all(lanes.map((lane) => lane.drive()));
  say({ done: true });
  await Promise.all(lanes.map((lane) => lane.close()));
} catch (error) {
  say({ refused: described(error, 1000) });
}
