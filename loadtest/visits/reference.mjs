// What visits to the reference service have in common: whose workspace it is, and signing in.

/** One of the targets file's workspaces. */
export function workspaceOf(targets, random) {
  const workspaces = targets?.workspaces ?? [];
  if (workspaces.length === 0) throw new Error("needs the targets file of the reference service: give --targets");
  return workspaces[Math.floor(random() * workspaces.length)];
}

/** Sign in on a page, for as long as its tab is open. */
export async function signIn(page, address, targets, random) {
  const { api_key: key } = workspaceOf(targets, random);
  await page.goto(address);
  await page.getByLabel("Key or token").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#view").waitFor();
}

/** A moment in which a person only looks. */
export async function look(page, random) {
  await page.waitForTimeout(300 + 500 * random());
}
