// The messages of a thread as they are shown: oldest first, the newest at the bottom and in sight.

import { arrange, make, one } from "../dom.ts";
import type { Message } from "../models.ts";
import { full } from "../times.ts";
import { latestFirst } from "./conversations.ts";

/** Pixels from the bottom within which somebody still reads the newest message. */
const NEAR = 48;

export class Messages {
  readonly #scroll = one("#thread-scroll", HTMLElement);
  readonly #list = one("#messages", HTMLOListElement);
  readonly #messages = new Map<string, Message>();
  readonly #places = new Map<string, HTMLLIElement>();

  has(id: string): boolean {
    return this.#messages.has(id);
  }

  get empty(): boolean {
    return this.#messages.size === 0;
  }

  clear(): void {
    this.#messages.clear();
    this.#places.clear();
    this.#list.replaceChildren();
  }

  /** Forget what is older than a message. */
  dropBefore(message: Message): void {
    for (const { id, created_at } of [...this.#messages.values()]) {
      if (latestFirst({ at: created_at, id }, { at: message.created_at, id: message.id }) <= 0) continue;
      this.#messages.delete(id);
      this.#places.delete(id);
    }
  }

  /** Show these as well; the newest stays in sight, or whatever was read, `down` or not. */
  add(messages: readonly Message[], names: ReadonlyMap<string, string>, down = false): void {
    for (const message of messages) {
      if (this.#messages.has(message.id)) continue;
      this.#messages.set(message.id, message);
      this.#places.set(message.id, shown(message, names));
    }
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    const [before] = this.#list.children;
    arrange(this.#list, this.#sorted());
    if (down || scrollHeight - scrollTop - clientHeight < NEAR) this.#scroll.scrollTop = this.#scroll.scrollHeight;
    // What came in above pushes nothing away.
    else if (before !== this.#list.children[0]) this.#scroll.scrollTop = scrollTop + this.#scroll.scrollHeight - scrollHeight;
  }

  #sorted(): HTMLLIElement[] {
    const byTime = [...this.#messages.values()].map(({ id, created_at }) => ({ id, at: created_at })).sort(latestFirst);
    return byTime.reverse().flatMap(({ id }) => this.#places.get(id) ?? []);
  }
}

function shown({ direction, body, created_at, status, sender_id }: Message, names: ReadonlyMap<string, string>): HTMLLIElement {
  const sender = sender_id === null ? undefined : names.get(sender_id);
  const facts = make("small", {}, sender === undefined ? "" : `${sender} · `, make("time", { datetime: created_at }, full(created_at)));
  if (direction === "out") facts.append(" · ", make("span", { class: status }, status));
  return make("li", { "data-direction": direction }, make("p", {}, body), facts);
}
