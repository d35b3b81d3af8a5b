// The visit of whoever has no script: open the address, look at it until it is quiet, and leave.

const QUIET_WITHIN_MS = 5000; // a page that holds a connection open is never quiet

export default async function visit({ page, url }) {
  await page.goto(url, { waitUntil: "load" });
  try {
    await page.waitForLoadState("networkidle", { timeout: QUIET_WITHIN_MS });
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
  }
}
