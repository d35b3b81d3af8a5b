// The stages of a call as they are shown: all that there can be from the beginning, each lit when it is reached.

import { make, one, say } from "../dom.ts";
import type { Stage, StageKind } from "../models.ts";

const STAGES: readonly (readonly [StageKind, string])[] = [
  ["queued", "Queued"],
  ["connecting", "Calling the voice provider"],
  ["connected", "Connected"],
  ["speaking", "The agent speaks"],
  ["ended", "Ended"],
];

type State = "waiting" | "current" | "reached" | "failed";

export class Stages {
  readonly #list = one("#stages", HTMLOListElement);
  #began = 0;

  /** Show a call that has reached nothing. */
  reset(): void {
    const places = STAGES.map(([kind, label]) => make("li", { "data-stage": kind }, make("span", {}, label), make("small")));
    for (const place of places) become(place, "waiting");
    this.#list.replaceChildren(...places);
  }

  /** Show a stage as reached, and give its words. */
  reach({ number, stage, at }: Stage): string {
    const moment = Date.parse(at);
    if (number === 1) this.#began = moment;
    for (const place of this.#places()) if (place.dataset["state"] === "current") become(place, "reached");
    const place = this.#places().find(({ dataset }) => dataset["stage"] === stage) ?? this.#last();
    if (stage === "failed") {
      place.dataset["stage"] = stage;
      say(one("span", HTMLElement, place), "Failed");
    }
    become(place, stage === "failed" ? "failed" : stage === "ended" ? "reached" : "current");
    say(one("small", HTMLElement, place), `+${((moment - this.#began) / 1000).toFixed(2)} s`);
    return one("span", HTMLElement, place).textContent ?? "";
  }

  #places(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>("li")];
  }

  #last(): HTMLElement {
    return one("li:last-child", HTMLElement, this.#list);
  }
}

function become(place: HTMLElement, state: State): void {
  place.dataset["state"] = state;
  if (state === "current") place.setAttribute("aria-current", "step");
  else place.removeAttribute("aria-current");
}
