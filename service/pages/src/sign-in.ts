// Who somebody is, asked for when nobody is known: a key or a token, and the workspace where it lets in to several.

import { Api, ApiError, told } from "./api.ts";
import { make, one, say } from "./dom.ts";
import type { Belonging, Me } from "./models.ts";
import { credential, keep, type Credential, type Session } from "./session.ts";

/** Show the form with a word of why, and give the session to `done` once there is one. */
export function signIn(why: string, done: (session: Session) => void): void {
  const form = one("#sign-in", HTMLFormElement);
  const key = one("#key", HTMLInputElement);
  const error = one("#sign-in-error", HTMLElement);
  say(error, why);
  form.hidden = false;
  key.focus({ preventScroll: true });

  form.onsubmit = async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    const who = credential(key.value);
    if (who === null) {
      say(error, key.value.trim() === "" ? "Enter a key or a token." : "A key or a token has no blanks or accents within.");
      key.focus();
      return;
    }
    form.ariaBusy = "true";
    say(error, "");
    try {
      // Who is refused reads why in what is thrown.
      const { belongings } = await new Api(who, null, () => undefined).get<Me>("/api/me");
      const [first, ...others] = belongings;
      if (first === undefined) {
        say(error, "It lets in to no workspace.");
        return;
      }
      key.value = "";
      form.hidden = true;
      if (others.length === 0) finish(who, first, done);
      else choose(who, belongings, done);
    } catch (failure) {
      // The service explains to programs which header it misses; of a token it says what is wrong with it.
      const unknown = who.kind === "key" && failure instanceof ApiError && failure.status === 401;
      say(error, unknown ? "No workspace has this key." : told(failure));
      key.focus();
    } finally {
      form.ariaBusy = "false";
    }
  };
}

function choose(who: Credential, belongings: readonly Belonging[], done: (session: Session) => void): void {
  const section = one("#choose", HTMLElement);
  const choices = belongings.map((belonging) => {
    const button = make("button", { type: "button" }, belonging.workspace);
    button.onclick = () => {
      section.hidden = true;
      finish(who, belonging, done);
    };
    return make("li", {}, button);
  });
  one("#workspaces", HTMLUListElement).replaceChildren(...choices);
  section.hidden = false;
  one("#choose-title", HTMLElement).focus();
}

function finish(who: Credential, { workspace_id, workspace, user_id }: Belonging, done: (session: Session) => void): void {
  const session = { ...who, workspace: workspace_id, user: user_id, name: workspace };
  keep(session);
  one("#main", HTMLElement).focus({ preventScroll: true });
  done(session);
}
