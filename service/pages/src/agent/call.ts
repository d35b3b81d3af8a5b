// A test call, followed to its end whatever happens to the connection.

import { ApiError, type Api } from "../api.ts";
import type { Call, Stage } from "../models.ts";

const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 8;

/** Who is told how far a call has come. */
export interface Caller {
  /** Each stage once, in their order. */
  stage(stage: Stage): void;
  /** Whether stages come as they are reached, or the call is asked about. */
  state(state: "live" | "polling"): void;
}

/** Follow a call until its last stage, or until `signal`; throws `ApiError` when nobody knows the call any more. */
export async function followed(api: Api, call: Call, caller: Caller, signal: AbortSignal): Promise<void> {
  let seen = 0;
  let over = false;
  const take = (stage: Stage): void => {
    if (stage.number <= seen) return;
    seen = stage.number;
    over = stage.stage === "ended" || stage.stage === "failed";
    caller.stage(stage);
  };
  call.stages.forEach(take);
  for (let pause = FIRST_PAUSE; !over && !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      for await (const data of api.events(call.events, seen, signal)) {
        caller.state("live");
        take(JSON.parse(data) as Stage);
      }
      if (over) return;
      caller.state("polling");
      const asked = await api.get<Call>(`/api/founder-console/test-agent/${call.id}`, signal);
      asked.stages.forEach(take);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError) || lost(error)) throw error;
      caller.state("polling");
    }
    if (!over) await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}

/** Calls end with the process that began them. */
function lost({ status }: ApiError): boolean {
  return status === 404 || status === 401 || status === 403;
}
