// The agent test: the microphone is there, an agent is chosen, called, and listened to until it speaks.

import { look, signIn } from "./reference.mjs";

export const page = "/agent";
export const permissions = ["microphone"];

export async function login({ page, host, targets, random }) {
  await signIn(page, `${host}/agent`, targets, random);
}

export default async function visit({ page, host, random, step }) {
  await page.goto(`${host}/agent`);
  await step("waiting for the microphone", () => page.locator('#microphone[data-state="ready"]').waitFor());
  await step("choosing an agent", () => page.locator("#agents a").first().click());
  const spoke = page.locator('#stages [data-stage="speaking"]:is([data-state="current"], [data-state="reached"])');
  const failed = page.locator('#stages [data-state="failed"]');
  await step("calling it", async () => {
    await page.locator("#start").click();
    await spoke.or(failed).first().waitFor();
  });
  if ((await failed.count()) > 0) throw new Error("the call failed");
  await look(page, random);
}
