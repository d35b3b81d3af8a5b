// The conversation that is read: its messages, what is answered, and that it has been read.

import { ApiError, told, type Api } from "../api.ts";
import { one, say } from "../dom.ts";
import type { InboxItem, LiveEvent, Message, Thread } from "../models.ts";
import type { Session } from "../session.ts";
import { Messages } from "./messages.ts";

export class Talk {
  readonly #api: Api;
  readonly #session: Session;
  readonly #names: ReadonlyMap<string, string>;
  readonly #gone: () => void;
  readonly #view = one("#thread", HTMLElement);
  readonly #title = one("#thread-title", HTMLElement);
  readonly #facts = one("#thread-facts", HTMLElement);
  readonly #earlier = one("#earlier", HTMLButtonElement);
  readonly #said = one("#thread-said", HTMLElement);
  readonly #again = one("#thread-again", HTMLButtonElement);
  readonly #heard = one("#heard", HTMLElement);
  readonly #reply = one("#reply", HTMLFormElement);
  readonly #compose = one("#compose", HTMLTextAreaElement);
  readonly #error = one("#send-error", HTMLElement);
  readonly #messages = new Messages();
  /** What was written and not sent, by conversation. */
  readonly #drafts = new Map<string, string>();
  #id: string | null = null;
  /** What is known of the conversation besides its messages. */
  #item: InboxItem | null = null;
  /** Where older messages begin; null when there are none. */
  #next: string | null = null;
  #reading: AbortController | null = null;
  #marking = false;
  /** Whether something came in while the conversation was being marked as read. */
  #markAgain = false;

  /** `gone` is told that the conversation that is read is no more. */
  constructor(api: Api, session: Session, names: ReadonlyMap<string, string>, gone: () => void) {
    this.#api = api;
    this.#session = session;
    this.#names = names;
    this.#gone = gone;
    this.#again.onclick = () => void this.#read(null);
    this.#earlier.onclick = () => void this.#read(this.#next);
    this.#reply.onsubmit = (event) => {
      event.preventDefault();
      void this.#send();
    };
    document.addEventListener("visibilitychange", () => void this.#markRead());
    this.#compose.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#reply.requestSubmit();
    };
  }

  get id(): string | null {
    return this.#id;
  }

  /** Read a conversation, of which `item` is known; null is to read none. */
  open(id: string | null, item: InboxItem | undefined): void {
    if (id === this.#id) return;
    if (this.#id !== null) this.#drafts.set(this.#id, this.#compose.value);
    this.#reading?.abort();
    this.#reading = null;
    this.#id = id;
    this.#item = null;
    this.#next = null;
    this.#messages.clear();
    this.#compose.value = id === null ? "" : (this.#drafts.get(id) ?? "");
    for (const line of [this.#error, this.#heard, this.#title, this.#facts]) say(line, "");
    this.#earlier.hidden = true;
    this.#become(id === null ? "none" : "loading");
    if (id === null) return;
    this.known(item);
    void this.#read(null);
  }

  /** The conversation as the list has it, if it does. */
  known(item: InboxItem | undefined): void {
    if (item === undefined || item.id !== this.#id) {
      if (this.#item === null) say(this.#title, "Conversation");
      return;
    }
    this.#item = item;
    say(this.#title, item.contact.name);
    say(this.#facts, [item.contact.phone, item.domain, item.status].join(" · "));
  }

  /** Put the focus where reading begins. */
  focus(): void {
    this.#title.focus();
  }

  /** Read the newest messages again. */
  refresh(): void {
    void this.#read(null);
  }

  apply(event: LiveEvent): void {
    if (event.kind === "contact_deleted" && this.#item?.contact_id === event.body.contact.id) this.#gone();
    if (event.kind === "contact" && this.#item?.contact_id === event.body.contact.id) {
      this.known({ ...this.#item, contact: event.body.contact });
    }
    if (event.kind === "conversation") this.known(event.body.conversation);
    if (event.kind === "message" && event.body.message.conversation_id === this.#id) {
      const { message, conversation } = event.body;
      if (message.direction === "in" && !this.#messages.has(message.id)) {
        say(this.#heard, `${this.#title.textContent}: ${message.body}`);
      }
      this.#messages.add([message], this.#names);
      if (this.#state === "shown") this.#say();
      if (this.#item !== null) this.#item = { ...this.#item, ...conversation };
      if (conversation.unread_count > 0) void this.#markRead();
    }
  }

  async #read(before: string | null): Promise<void> {
    const id = this.#id;
    if (id === null) return;
    const reading = new AbortController();
    this.#reading?.abort();
    this.#reading = reading;
    if (this.#state === "failed") this.#become("loading");
    try {
      const asked = before === null ? "" : `?before=${before}`;
      const thread = await this.#api.get<Thread>(`/api/conversations/${id}/messages${asked}`, reading.signal);
      if (reading.signal.aborted) return;
      this.#take(thread, before !== null);
      if (before === null) void this.#markRead();
    } catch (error) {
      if (reading.signal.aborted) return;
      const why = told(error);
      // While there is no connection no event tells of it, and some are not kept until there is.
      if (this.#state === "shown" && error instanceof ApiError && error.status === 404) this.#gone();
      else if (before !== null) say(this.#earlier, `Try again. ${why}`);
      else if (this.#state !== "shown") this.#become("failed", why);
    } finally {
      if (this.#reading === reading) this.#reading = null;
    }
  }

  #take({ messages, next_before }: Thread, older: boolean): void {
    const first = this.#state !== "shown";
    const oldest = messages.at(-1);
    // Where the oldest is not known, nobody knows what lies between it and what is older.
    const joined = oldest === undefined || this.#messages.has(oldest.id);
    if (!older && !joined) this.#messages.dropBefore(oldest);
    if (older || !joined) this.#next = next_before;
    this.#earlier.hidden = this.#next === null;
    say(this.#earlier, "Earlier messages");
    this.#become("shown");
    this.#messages.add(messages, this.#names, first);
    this.#say();
  }

  async #markRead(): Promise<void> {
    const id = this.#id;
    const unread = this.#item === null || this.#item.unread_count > 0;
    if (id === null || !unread || document.visibilityState !== "visible") return;
    this.#markAgain = this.#marking;
    if (this.#marking) return;
    this.#marking = true;
    try {
      this.known(await this.#api.patch<InboxItem>(`/api/conversations/${id}`, { unread_count: 0 }));
    } catch (error) {
      // It stays unread, as the list shows; the next reading marks it.
      told(error);
      this.#markAgain = false;
    } finally {
      this.#marking = false;
    }
    if (this.#markAgain) void this.#markRead();
  }

  async #send(): Promise<void> {
    const id = this.#id;
    const body = this.#compose.value;
    if (id === null || this.#reply.ariaBusy === "true") return;
    if (body.trim() === "") {
      this.#compose.focus();
      return;
    }
    this.#reply.ariaBusy = "true";
    say(this.#error, "");
    try {
      const sent = await this.#api.post<Message>("/api/messages/send", { conversation_id: id, body, sender_id: this.#session.user });
      if (this.#drafts.get(id) === body) this.#drafts.delete(id);
      if (id !== this.#id) return;
      if (this.#compose.value === body) this.#compose.value = "";
      this.#messages.add([sent], this.#names, true);
      this.#say();
    } catch (error) {
      const why = told(error);
      if (id === this.#id) say(this.#error, `Not sent. ${why}`);
    } finally {
      this.#reply.ariaBusy = "false";
    }
  }

  #say(): void {
    say(this.#said, this.#messages.empty ? "No message yet." : "");
  }

  get #state(): string | undefined {
    return this.#view.dataset["state"];
  }

  #become(state: "none" | "loading" | "shown" | "failed", text = ""): void {
    this.#view.dataset["state"] = state;
    this.#view.ariaBusy = String(state === "loading");
    this.#again.hidden = state !== "failed";
    say(this.#said, state === "loading" ? "Loading messages" : text);
  }
}
