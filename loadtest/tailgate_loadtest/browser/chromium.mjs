// Chromium itself: how it is started, and what a visitor of a device brings along.

import { within } from "./texts.mjs";

const STARTS_WITHIN_MS = 45_000;
const CLOSES_WITHIN = 5;
const ARGUMENTS = [
  "--use-fake-device-for-media-stream", // a microphone, wherever it is asked for and granted
  "--no-proxy-server", // what is measured is the way to the page itself
  "--disable-sync",
  "--disable-domain-reliability",
];
// Of our own environment, what a browser needs: secrets that scripts read are none of its business.
const HANDED_ON = /^(PATH|LANG|LANGUAGE|LC_.*|TZ|TMPDIR)$/;

/** A Chromium that has drawn a page already, as anybody's has who comes to visit. */
export async function launch(chromium, orders) {
  const handed = Object.entries(process.env).filter(([name]) => HANDED_ON.test(name));
  const browser = await chromium
    .launch({
      executablePath: orders.chromium,
      headless: true,
      chromiumSandbox: orders.sandbox,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      timeout: STARTS_WITHIN_MS,
      env: { ...Object.fromEntries(handed), HOME: process.env.TMPDIR },
      args: ARGUMENTS,
    })
    .catch((error) => {
      throw new Error(`${orders.chromium}: does not start: ${reason(error.message)}`, { cause: error });
    });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.setContent("<p>Each visitor's browser has been used before.");
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await context.close();
  return browser;
}

/** A context's options: what of a device is seen from outside, and that this is a load test. */
export function options(browser, orders, lane, script) {
  const { width, height, scale, touch } = lane.device;
  const [major] = browser.version().split(".");
  const [system, mobile] = touch ? ["Linux; Android 10; K", " Mobile"] : ["X11; Linux x86_64", ""];
  const engine = `AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0${mobile} Safari/537.36`;
  return {
    viewport: { width, height },
    deviceScaleFactor: scale,
    isMobile: touch,
    hasTouch: touch,
    userAgent: `Mozilla/5.0 (${system}) ${engine} ${orders.agent}`,
    ignoreHTTPSErrors: orders.insecure,
    permissions: script.permissions ?? [],
  };
}

/** Whether a browser, or a context, could be closed. */
export async function closed(closing) {
  const done = closing.close().then(
    () => true,
    () => true, // it was closed already
  );
  return (await within(CLOSES_WITHIN, done)) === true;
}

/** Of Playwright's many lines, the one in which Chromium says what is wrong. */
function reason(message) {
  const lines = message.split("\n").map((line) => line.trim());
  const own = lines.find((line) => /FATAL|No usable sandbox|error while loading|not found/i.test(line)) ?? lines[0];
  return own + (/usable sandbox/i.test(own) ? " (a container must allow user namespaces, or run it as root)" : "");
}
