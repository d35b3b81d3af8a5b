// The microphone: asked for as soon as the page is there, since the answer takes longer than anything else, and held
// muted but for calls. Where there is none, the page says what to do.

import { one, say } from "../dom.ts";
import { mark } from "../vitals.ts";

const ANYWAY = "Without it the agent hears nothing.";
/** What is wrong and what to do, by the name of the error (Media Capture and Streams, 10.2). */
const REFUSALS: Record<string, readonly [said: string, cure: string]> = {
  NotAllowedError: [
    "The microphone is blocked.",
    `Click the icon beside the address, allow the microphone for this page, then ask again. ${ANYWAY}`,
  ],
  NotFoundError: ["There is no microphone.", `Connect one, then ask again. ${ANYWAY}`],
  NotReadableError: [
    "The microphone cannot be used.",
    `Another program may hold it, or the system keeps it back: free it there, then ask again. ${ANYWAY}`,
  ],
};
const INSECURE = ["The browser gives this page no microphone.", "Open the page by https, or by the name localhost."] as const;

type State = "asking" | "ready" | "refused" | "missing";

export class Microphone {
  readonly #view = one("#microphone", HTMLElement);
  readonly #said = one("#microphone-said", HTMLElement);
  readonly #cure = one("#microphone-cure", HTMLElement);
  readonly #again = one("#microphone-again", HTMLButtonElement);
  #track: MediaStreamTrack | null = null;
  /** Whether there is a call: one that is allowed during it is heard as soon as it is there. */
  #heard = false;

  constructor() {
    this.#again.onclick = () => void this.ask();
    addEventListener("pagehide", () => this.#release());
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) void this.ask();
    });
  }

  async ask(): Promise<void> {
    if (!("mediaDevices" in navigator)) {
      this.#show("missing", ...INSECURE);
      mark("microphone_answered");
      return;
    }
    this.#show("asking", "Asking for the microphone", "The browser asks you at the top of its window: allow it.");
    try {
      this.#use(await navigator.mediaDevices.getUserMedia({ audio: true }));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      const unknown = ["The microphone cannot be used.", `${error.message}. ${ANYWAY}`] as const;
      this.#show(error.name === "NotAllowedError" ? "refused" : "missing", ...(REFUSALS[error.name] ?? unknown));
      if (error.name === "NotAllowedError") void this.#watch();
    }
    mark("microphone_answered");
  }

  /** Let it be heard or not, from now on or from when it is there. */
  open(heard: boolean): void {
    this.#heard = heard;
    if (this.#track !== null) this.#become(this.#track);
  }

  #use(stream: MediaStream): void {
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new DOMException("The browser gave no sound", "NotFoundError");
    this.#release();
    this.#track = track;
    track.onended = () => {
      this.#release();
      this.#show("missing", "The microphone is gone.", `Connect it again, then ask again. ${ANYWAY}`);
    };
    this.#become(track);
  }

  #release(): void {
    this.#track?.stop();
    this.#track = null;
  }

  /** Be heard or muted, and say which. */
  #become(track: MediaStreamTrack): void {
    track.enabled = this.#heard;
    const how = this.#heard ? "heard in this call" : "muted until a call";
    this.#show("ready", "Microphone ready", `${track.label || "It"} is ${how}.`);
  }

  /** Ask again by itself once somebody has allowed it. */
  async #watch(): Promise<void> {
    try {
      const permission = await navigator.permissions.query({ name: "microphone" as PermissionName });
      permission.onchange = () => {
        if (permission.state === "granted" && this.#view.dataset["state"] !== "ready") void this.ask();
      };
    } catch (error) {
      // A browser that cannot say so has the button.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  #show(state: State, said: string, cure: string): void {
    this.#view.dataset["state"] = state;
    this.#again.hidden = state === "asking" || state === "ready";
    say(this.#said, said);
    say(this.#cure, cure);
  }
}
