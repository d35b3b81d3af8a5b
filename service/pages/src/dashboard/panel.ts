// One panel: asked for by itself, shown when it has come, and when it cannot be had it says why and can be asked for again.

import { told, type Api } from "../api.ts";
import { make, one, say } from "../dom.ts";
import { clock } from "../times.ts";

type State = "loading" | "shown" | "failed";

export class Panel<Answer> {
  readonly #api: Api;
  readonly #path: string;
  readonly #fill: (answer: Answer) => void;
  readonly #view: HTMLElement;
  readonly #note: HTMLElement;
  readonly #why = make("p", { role: "alert" });
  #asking: Promise<boolean> | null = null;
  #at = "";

  /** The panel of the page in `view`, which shows what `path` answers by `fill`. */
  constructor(api: Api, view: HTMLElement, path: string, fill: (answer: Answer) => void) {
    this.#api = api;
    this.#view = view;
    this.#path = path;
    this.#fill = fill;
    this.#note = one(".note", HTMLElement, view);
    const again = make("button", { type: "button" }, "Try again");
    again.onclick = () => void this.ask();
    view.append(make("div", { class: "problem" }, this.#why, again));
  }

  /** Ask, and show what comes; false when it shows why nothing came. Who asks meanwhile gets the same. */
  ask(): Promise<boolean> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<boolean> {
    if (this.#state === "failed") this.#become("loading");
    try {
      this.#fill(await this.#api.get<Answer>(this.#path));
      this.#at = clock(new Date());
      this.#become("shown");
      say(this.#note, `as of ${this.#at}`);
    } catch (error) {
      const why = told(error);
      // What was shown is still worth more than nothing.
      if (this.#state === "shown") say(this.#note, `not renewed since ${this.#at}`);
      else this.#become("failed", why);
    }
    return this.#state === "shown";
  }

  get #state(): string | undefined {
    return this.#view.dataset["state"];
  }

  #become(state: State, why = ""): void {
    this.#view.dataset["state"] = state;
    this.#view.ariaBusy = String(state === "loading");
    say(this.#why, why);
  }
}
