// The conversations that the inbox has read, kept current by what happens. Nothing here asks or shows.

import type { Contact, Inbox, InboxItem, LiveEvent, MovedConversation, Status } from "../models.ts";

/** What is looked for: a status, or "active" for open and pending; a member's id, or "unassigned"; words. */
export interface Filter {
  status: Status | "active" | "";
  assigned: string;
  search: string;
}

/** Where the conversations that fit are asked for, from the newest on or from after a page. */
export function address({ status, assigned, search }: Filter, before: string | null): string {
  const asked = new URLSearchParams();
  if (status === "active") asked.set("active", "true");
  else if (status !== "") asked.set("status", status);
  if (assigned !== "") asked.set("assigned_to", assigned);
  if (search !== "") asked.set("search", search);
  if (before !== null) asked.set("before", before);
  const text = asked.toString();
  return text === "" ? "/api/conversations" : `/api/conversations?${text}`;
}

/** Sorts by time, and at one moment by id, the latest first. */
export function latestFirst(one: { at: string; id: string }, other: { at: string; id: string }): number {
  return Date.parse(other.at) - Date.parse(one.at) || Number(one.id < other.id) - Number(one.id > other.id);
}

export class Conversations {
  #filter: Filter;
  #items = new Map<string, InboxItem>();
  /** Where the page after those that are here begins; null when there is none. */
  next: string | null = null;

  constructor(filter: Filter) {
    this.#filter = filter;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /** The latest first. */
  list(): InboxItem[] {
    return [...this.#items.values()].sort(order);
  }

  get(id: string): InboxItem | undefined {
    return this.#items.get(id);
  }

  /** Have a page and nothing else. */
  replace(page: Inbox): void {
    this.#items.clear();
    this.add(page);
  }

  /** Have the page after those that are here as well. */
  add(page: Inbox): void {
    for (const item of page.conversations) this.#items.set(item.id, item);
    this.next = page.next_before;
  }

  /** Have the first page as it is now; what is older than all of it stays. */
  renew(page: Inbox): void {
    const last = page.conversations.at(-1);
    const older = last === undefined || !page.has_more ? [] : this.list().filter((item) => order(last, item) < 0);
    const { next } = this;
    this.replace(page);
    if (older.length === 0) return;
    for (const item of older) if (!this.#items.has(item.id)) this.#items.set(item.id, item);
    this.next = next;
  }

  /** Follow an event; true when it is about a conversation that is not here and may have to be. */
  apply(event: LiveEvent): boolean {
    switch (event.kind) {
      case "message":
        return this.#moved(event.body.conversation);
      case "conversation":
        return this.#changed(event.body.conversation);
      case "contact":
        this.#renamed(event.body.contact);
        return false;
      case "contact_deleted":
        for (const item of this.list()) if (item.contact_id === event.body.contact.id) this.#items.delete(item.id);
        return false;
      case "erased":
        return false;
    }
  }

  #moved(moved: MovedConversation): boolean {
    const known = this.#items.get(moved.id);
    if (known === undefined) return this.#fits(moved);
    // Of before what was read: it is on its way to what is shown already.
    if (Date.parse(moved.last_message_at) >= Date.parse(known.last_message_at)) this.#put({ ...known, ...moved });
    return false;
  }

  #changed(item: InboxItem): boolean {
    if (this.#items.has(item.id)) {
      this.#put(item);
      return false;
    }
    // Only the service knows what its search finds.
    if (this.#filter.search !== "") return this.#fits(item);
    const last = this.list().at(-1);
    if (this.next === null || (last !== undefined && order(item, last) < 0)) this.#put(item);
    return false;
  }

  #renamed(contact: Contact): void {
    for (const item of this.list()) if (item.contact_id === contact.id) this.#items.set(item.id, { ...item, contact });
  }

  #put(item: InboxItem): void {
    if (this.#fits(item)) this.#items.set(item.id, item);
    else this.#items.delete(item.id);
  }

  #fits({ status, assigned_to }: MovedConversation): boolean {
    const filter = this.#filter;
    const active = status === "open" || status === "pending";
    const inStatus = filter.status === "" || (filter.status === "active" ? active : filter.status === status);
    return inStatus && (filter.assigned === "" || filter.assigned === (assigned_to ?? "unassigned"));
  }
}

function order(one: InboxItem, other: InboxItem): number {
  return latestFirst({ at: one.last_message_at, id: one.id }, { at: other.last_message_at, id: other.id });
}
