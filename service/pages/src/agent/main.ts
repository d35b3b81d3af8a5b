// The agent test: the microphone is asked for on load; an agent is chosen, called, and followed stage by stage.

import { told } from "../api.ts";
import { make, one, say } from "../dom.ts";
import { openPage, progress, type Opened } from "../page.ts";
import { choices, type Choice } from "./agents.ts";
import { Desk } from "./desk.ts";
import { Microphone } from "./microphone.ts";

// Before anything else, signed in or not: people take longer to answer than all the rest together.
const microphone = new Microphone();
void microphone.ask();
openPage("/agent", ["microphone_answered"], start);

function start({ api }: Opened): void {
  const list = one("#agents", HTMLUListElement);
  const said = one("#agents-said", HTMLElement);
  const again = one("#agents-again", HTMLButtonElement);
  const desk = new Desk(microphone);

  const read = async (): Promise<void> => {
    list.ariaBusy = "true";
    again.hidden = true;
    say(said, "");
    progress("Loading agents");
    try {
      const found = await choices(api);
      const named = new URLSearchParams(location.search).get("agent");
      list.replaceChildren(...found.map((choice) => make("li", {}, link(choice, desk))));
      const chosen = named === null && found.length === 1 ? found[0] : found.find(({ id }) => id === named);
      if (chosen !== undefined) desk.choose(chosen);
      say(said, word(found, chosen, named));
    } catch (error) {
      say(said, told(error));
      again.hidden = false;
    } finally {
      list.ariaBusy = "false";
      progress("");
    }
  };
  again.onclick = () => void read();
  void read();
}

/** What is to be said about a list of agents of which one is chosen, and one named by the address. */
function word(found: readonly Choice[], chosen: Choice | undefined, named: string | null): string {
  if (found.length === 0) return "No workspace of yours has a voice agent.";
  if (chosen !== undefined || named === null) return "";
  return "No agent of yours has the id in the address: choose another.";
}

/** An agent in the list, which leads to its own address. */
function link(choice: Choice, desk: Desk): HTMLAnchorElement {
  const number = make("small", {}, `${choice.number} · ${choice.workspace}`);
  const made = make("a", { href: `/agent?agent=${choice.id}`, "data-agent": choice.id }, make("strong", {}, choice.name), " ", number);
  made.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", made.href);
    say(one("#agents-said", HTMLElement), "");
    desk.choose(choice);
  };
  return made;
}
