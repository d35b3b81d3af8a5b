// The agent that is chosen, and the call to it.

import { told, type Api } from "../api.ts";
import { one, say } from "../dom.ts";
import type { Call } from "../models.ts";
import { connection, progress } from "../page.ts";
import type { Choice } from "./agents.ts";
import { followed, type Caller } from "./call.ts";
import type { Microphone } from "./microphone.ts";
import { Stages } from "./stages.ts";

const LIVE = "Following the call";
const LOST = "Connection lost: asking again";

export class Desk {
  readonly #microphone: Microphone;
  readonly #start = one("#start", HTMLButtonElement);
  readonly #error = one("#call-error", HTMLElement);
  readonly #stages = new Stages();
  #call = new AbortController();

  constructor(microphone: Microphone) {
    this.#microphone = microphone;
    this.#stages.reset();
    addEventListener("signed-out", () => this.#call.abort());
  }

  /** Let this agent be the one that is called. */
  choose(choice: Choice): void {
    this.#call.abort();
    this.#end();
    for (const other of document.querySelectorAll("[data-agent]")) {
      if (other.getAttribute("data-agent") === choice.id) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
    say(one("#call-title", HTMLElement), choice.name);
    say(one("#call-number", HTMLElement), choice.number);
    say(this.#error, "");
    this.#stages.reset();
    this.#start.onclick = () => void this.#run(choice.api);
  }

  async #run(api: Api): Promise<void> {
    const call = new AbortController();
    this.#call = call;
    this.#start.disabled = true;
    say(this.#error, "");
    this.#stages.reset();
    progress("Starting a call");
    try {
      const begun = await api.post<Call>("/api/founder-console/test-agent");
      if (call.signal.aborted) return;
      this.#microphone.open(true);
      await followed(api, begun, this.#caller(), call.signal);
    } catch (error) {
      const why = told(error);
      if (!call.signal.aborted) say(this.#error, why);
    } finally {
      if (!call.signal.aborted) this.#end();
    }
  }

  #end(): void {
    this.#microphone.open(false);
    this.#start.disabled = false;
    connection("off");
  }

  #caller(): Caller {
    return {
      stage: (stage) => {
        progress(this.#stages.reach(stage));
        if (stage.stage !== "failed") return;
        say(this.#error, stage.detail === null ? "The call failed." : `The call failed: ${stage.detail}.`);
      },
      state: (state) => connection(state, state === "live" ? LIVE : LOST),
    };
  }
}
