// The inbox: its list and the conversation that is read, kept current by what happens. The address names what is read,
// so that going back leads to the list.

import { one } from "../dom.ts";
import { follow, openPage, type Opened } from "../page.ts";
import type { Filter } from "./conversations.ts";
import { Listing } from "./listing.ts";
import { Talk } from "./talk.ts";

/** Milliseconds after the last key before a search begins. */
const TYPING = 250;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

openPage("/inbox", ["list_shown"], start);

function start({ api, session }: Opened): void {
  const inbox = one("#inbox", HTMLElement);
  const back = one("#back", HTMLButtonElement);
  const assigned = one("#assigned", HTMLSelectElement);

  const chosen = (id: string): void => {
    const address = new URL(location.href);
    address.searchParams.set("conversation", id);
    if (talk.id === null) history.pushState({ opened: true }, "", address);
    else history.replaceState(history.state, "", address);
    show();
  };
  const taken = (): void => {
    const known = new Set([...assigned.options].map(({ value }) => value));
    for (const [id, name] of listing.names) if (!known.has(id)) assigned.add(new Option(name, id));
    if (talk.id !== null) talk.known(listing.find(talk.id));
  };
  const listing = new Listing(api, chosen, taken);

  /** Show what the address names. */
  const show = (): void => {
    const before = talk.id;
    const named = new URLSearchParams(location.search).get("conversation") ?? "";
    const id = ID.test(named) ? named : null;
    talk.open(id, id === null ? undefined : listing.find(id));
    listing.select(id);
    inbox.dataset["showing"] = id === null ? "list" : "thread";
    if (id === null && before !== null) listing.focus(before);
    // Where there is a way back, the list is not to be seen.
    if (id !== null && back.offsetParent !== null) talk.focus();
  };
  /** Show the list where there was a conversation: nobody is to come back to one that is no more. */
  const gone = (): void => {
    history.replaceState(null, "", location.pathname);
    show();
  };
  const talk = new Talk(api, session, listing.names, gone);
  const close = (): void => {
    const { opened } = (history.state ?? {}) as { opened?: boolean };
    if (opened) history.back();
    else gone();
  };
  back.onclick = close;
  addEventListener("keydown", ({ key, isComposing, target }) => {
    if (key === "Escape" && !isComposing && talk.id !== null && !needsEscape(target)) close();
  });
  addEventListener("popstate", show);

  look(listing);
  show();
  follow(api, {
    event: (event) => {
      listing.apply(event);
      talk.apply(event);
    },
    anew: () => {
      listing.refresh(true);
      talk.refresh();
    },
    poll: () => {
      listing.refresh(false);
      talk.refresh();
    },
  });
}

/** Whether a field has its own use for Escape: a search is emptied by it, and choices that are open are closed. */
function needsEscape(field: EventTarget | null): boolean {
  return field instanceof HTMLSelectElement || (field instanceof HTMLInputElement && field.value !== "");
}

/** Look for what the fields above the list say, now and whenever they say something else. */
function look(listing: Listing): void {
  const search = one("#search", HTMLInputElement);
  const status = one("#status", HTMLSelectElement);
  const assigned = one("#assigned", HTMLSelectElement);
  let typing = 0;
  let last = "";

  const begin = (): void => {
    clearTimeout(typing);
    const filter = { status: status.value as Filter["status"], assigned: assigned.value, search: search.value.trim() };
    const text = JSON.stringify(filter);
    if (text === last) return;
    last = text;
    listing.show(filter);
  };
  search.oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(begin, TYPING);
  };
  status.onchange = begin;
  assigned.onchange = begin;
  one("#filters", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    begin();
  };
  begin();
}
