// The list's life: what is looked for is read, kept current by events, and read again where they do not say enough.

import { told, type Api } from "../api.ts";
import { one, say } from "../dom.ts";
import type { Inbox, InboxItem, LiveEvent } from "../models.ts";
import { progress } from "../page.ts";
import { mark } from "../vitals.ts";
import { address, Conversations, type Filter } from "./conversations.ts";
import { List } from "./list.ts";

/** Seconds at least between two readings because of conversations that are not in the list. */
const REST = 2;

type How = "replace" | "renew" | "add";

export class Listing {
  readonly #api: Api;
  readonly #list: List;
  readonly #taken: () => void;
  readonly #scroll = one("#list-scroll", HTMLElement);
  readonly #more = one("#more", HTMLButtonElement);
  readonly #said = one("#list-said", HTMLElement);
  readonly #again = one("#list-again", HTMLButtonElement);
  #conversations = new Conversations({ status: "", assigned: "", search: "" });
  #reading: AbortController | null = null;
  /** What happened since the reading under way began, which its answer may not know. */
  #meanwhile: LiveEvent[] = [];
  /** How to read again once the reading under way has ended. */
  #due: How | null = null;
  #rest = 0;
  #readAt = -Infinity;
  #painting = false;
  #current: string | null = null;
  /** Members' names by their ids. */
  readonly names = new Map<string, string>();

  /** `chosen` is told the id of a conversation that somebody chose, `taken` that the list has been read. */
  constructor(api: Api, chosen: (id: string) => void, taken: () => void) {
    this.#api = api;
    this.#list = new List(chosen);
    this.#taken = taken;
    this.#more.onclick = () => {
      if (this.#reading === null) void this.#read("add");
      else this.#due ??= "add";
    };
    this.#again.onclick = () => void this.#read("replace");
  }

  /** Look for something else: nothing of what was shown stays. */
  show(filter: Filter): void {
    this.#reading?.abort();
    this.#reading = null;
    this.#due = null;
    this.#conversations = new Conversations(filter);
    this.#state("loading", "");
    this.#scroll.scrollTop = 0;
    this.#paint();
    void this.#read("replace");
  }

  /** Read again; `whole`: nothing that was read before is to be relied on. */
  refresh(whole: boolean): void {
    const how = whole ? "replace" : "renew";
    if (this.#reading === null) void this.#read(how);
    else if (this.#due === null || whole) this.#due = how;
  }

  apply(event: LiveEvent): void {
    if (this.#reading !== null) this.#meanwhile.push(event);
    if (this.#conversations.apply(event)) this.#refreshSoon();
    this.#paintSoon();
  }

  find(id: string): InboxItem | undefined {
    return this.#conversations.get(id);
  }

  /** Show which conversation is read. */
  select(id: string | null): void {
    this.#current = id;
    this.#paint();
  }

  focus(id: string | null): void {
    this.#list.focus(id);
  }

  async #read(how: How): Promise<void> {
    const reading = new AbortController();
    const { filter, next } = this.#conversations;
    this.#reading = reading;
    this.#meanwhile = [];
    this.#due = null;
    this.#readAt = performance.now();
    if (!this.#shown) this.#state("loading", "");
    try {
      let page = await this.#api.get<Inbox>(address(filter, how === "add" ? next : null), reading.signal);
      const pages = [page];
      // Who has read on finds all of that again.
      let missing = how === "replace" ? this.#conversations.list().length - page.conversations.length : 0;
      while (missing > 0 && page.next_before !== null) {
        page = await this.#api.get<Inbox>(address(filter, page.next_before), reading.signal);
        pages.push(page);
        missing -= page.conversations.length;
      }
      if (reading.signal.aborted) return;
      this.#take(pages, how);
    } catch (error) {
      if (!reading.signal.aborted) this.#failed(told(error), how);
    } finally {
      if (this.#reading === reading) this.#reading = null;
    }
    if (!reading.signal.aborted && this.#due !== null) void this.#read(this.#due);
  }

  #take(pages: readonly Inbox[], how: How): void {
    pages.forEach((page, at) => this.#conversations[at === 0 ? how : "add"](page));
    const unknown = this.#meanwhile.map((event) => this.#conversations.apply(event));
    if (unknown.includes(true)) this.#refreshSoon();
    for (const { id, name } of pages.flatMap(({ team }) => team)) this.names.set(id, name);
    this.#state("shown", "");
    this.#paint();
    mark("list_shown");
    this.#taken();
  }

  #failed(why: string, how: How): void {
    // A list that is there stays: the line at the top says that it may be out of date.
    if (!this.#shown || how === "add") this.#state("failed", why);
  }

  get #shown(): boolean {
    return this.#scroll.dataset["state"] === "shown";
  }

  #refreshSoon(): void {
    if (this.#rest !== 0) return;
    const wait = Math.max(0, this.#readAt + REST * 1000 - performance.now());
    this.#rest = setTimeout(() => {
      this.#rest = 0;
      this.refresh(false);
    }, wait);
  }

  #state(state: "loading" | "shown" | "failed", text: string): void {
    this.#scroll.dataset["state"] = state;
    this.#scroll.ariaBusy = String(state === "loading");
    this.#again.hidden = state !== "failed";
    say(this.#said, text);
    progress(state === "loading" ? "Loading" : "");
  }

  #paintSoon(): void {
    if (this.#painting) return;
    this.#painting = true;
    requestAnimationFrame(() => {
      this.#painting = false;
      this.#paint();
    });
  }

  #paint(): void {
    const items = this.#conversations.list();
    const { next } = this.#conversations;
    this.#list.paint(items, this.#current, this.names);
    this.#more.hidden = next === null;
    this.#more.style.setProperty("--at", String(items.length));
    if (this.#shown) {
      say(this.#said, items.length === 0 ? "No conversation fits." : "");
      progress(`${items.length} shown`);
    }
  }
}
