// The dashboard: looked at until each panel shows its data, and for a moment longer.

import { look, signIn } from "./reference.mjs";

export const page = "/dashboard";

export async function login({ page, host, targets, random }) {
  await signIn(page, `${host}/dashboard`, targets, random);
}

export default async function visit({ page, host, targets, random, step }) {
  const panels = (state) => page.locator(`.panel[data-state="${state}"]`);
  await page.goto(`${host}/dashboard?today=${targets.today}`);
  await step("waiting for the panels", () => panels("loading").first().waitFor({ state: "detached" }));
  await step("touching it", () => page.locator("#view h1").click());
  await look(page, random);
  const failed = await panels("failed").evaluateAll((all) => all.map((panel) => panel.dataset.panel));
  if (failed.length > 0) throw new Error(`panels show an error: ${failed.join(", ")}`);
}
