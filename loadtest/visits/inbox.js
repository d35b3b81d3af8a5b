// The inbox: a conversation is chosen and read, and answered.

import { look, signIn } from "./reference.mjs";

const AMONG = 10; // the conversations that anybody sees without scrolling

export const page = "/inbox";

export async function login({ page, host, targets, random }) {
  await signIn(page, `${host}/inbox`, targets, random);
}

export default async function visit({ page, host, random, step }) {
  await page.goto(`${host}/inbox`);
  const conversations = page.locator("#list button");
  await step("waiting for the list", () => conversations.first().waitFor());
  await look(page, random);
  const messages = page.locator("#messages > li");
  await step("reading a conversation", async () => {
    const count = Math.min(await conversations.count(), AMONG);
    await conversations.nth(Math.floor(random() * count)).click();
    await messages.first().waitFor();
  });
  await look(page, random);
  await step("answering it", async () => {
    const text = `Thank you, we will be with you in a moment (${Math.floor(random() * 1e9)}).`;
    await page.locator("#compose").fill(text);
    await page.locator("#send").click();
    await messages.filter({ hasText: text }).first().waitFor();
  });
  await look(page, random);
}
