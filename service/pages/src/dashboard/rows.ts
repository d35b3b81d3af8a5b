// A list with as many rows as there is room for, which are there before what they show.

import { make, say } from "../dom.ts";

export const ROWS = 8;

/** What a row shows: somebody, when, a text, and a mark at its end. */
export interface Row {
  who: string;
  when: string;
  text: string;
  mark: string;
  /** Of a hundred, drawn before the mark. */
  score?: number;
}

/** Make the rows of `list`; what comes back fills them, or says that there is nothing. */
export function rows(list: HTMLElement, nothing: string): (shown: readonly Row[]) => void {
  const places = Array.from({ length: ROWS }, () => {
    const [who, when, text, mark] = [part("who"), part("when"), part("text"), part("mark")];
    const score = make("i", { class: "score", "aria-hidden": "true", hidden: "" });
    const said = make("span");
    mark.append(score, said);
    return { place: make("li", {}, who, " ", when, " ", text, " ", mark), who, when, text, score, said };
  });
  list.replaceChildren(...places.map(({ place }) => place));
  return (shown) => {
    const all = shown.length > 0 ? shown : [{ who: "", when: "", text: nothing, mark: "" }];
    for (const [index, { place, who, when, text, score, said }] of places.entries()) {
      const row: Row | undefined = all[index];
      // The list keeps its height without them.
      place.hidden = row === undefined;
      say(who, row?.who ?? "");
      say(when, row?.when ?? "");
      say(text, row?.text ?? "");
      say(said, row?.mark ?? "");
      score.hidden = row?.score === undefined;
      score.style.setProperty("--score", String(row?.score ?? 0));
    }
  };
}

function part(name: string): HTMLElement {
  return make("span", { class: name });
}
