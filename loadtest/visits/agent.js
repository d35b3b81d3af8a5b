// The agent test: the microphone is there, an agent is chosen, called, and followed as far as the call comes.

import { look, signIn } from "./reference.mjs";

export const page = "/agent";
export const permissions = ["microphone"];

export async function login({ page, host, targets, random }) {
  await signIn(page, `${host}/agent`, targets, random);
}

export default async function visit({ page, host, random, step }) {
  await page.goto(`${host}/agent`);
  await step("waiting for the microphone", () => page.locator('#microphone[data-state="ready"]').waitFor());
  await step("choosing an agent", () => page.locator("#agents button").first().click());
  await step("calling it", async () => {
    await page.locator("#start").click();
    await page.locator('#stages li[data-state="reached"]').first().waitFor();
  });
  await look(page, random);
}
