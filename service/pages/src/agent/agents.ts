// The voice agents that somebody may try: each workspace has one, or none.

import { ApiError, type Api } from "../api.ts";
import type { Agent, Belonging, Me } from "../models.ts";

/** An agent, its name, the name of its workspace, and the API as that workspace's. */
export interface Choice {
  id: string;
  name: string;
  number: string;
  workspace: string;
  api: Api;
}

/** All of them, in the order of the workspaces. */
export async function choices(api: Api): Promise<Choice[]> {
  const { belongings } = await api.get<Me>("/api/me");
  const found = await Promise.all(belongings.map((belonging) => choice(api, belonging)));
  return found.filter((one) => one !== null);
}

async function choice(api: Api, { workspace_id, workspace }: Belonging): Promise<Choice | null> {
  const within = api.within(workspace_id);
  try {
    const { id, phone_number, configuration } = await within.get<Agent>("/api/founder-console/agent");
    const { name } = configuration;
    return { id, name: typeof name === "string" ? name : "Agent", number: phone_number, workspace, api: within };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
