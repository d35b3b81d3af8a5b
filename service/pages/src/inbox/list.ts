// The list as it is shown: a row for each conversation, moved by the arrow keys, with one of them in the tab order.

import { arrange, make, one } from "../dom.ts";
import type { InboxItem, Status } from "../models.ts";
import { brief } from "../times.ts";

const STATUS: Record<Status, string> = { open: "Open", pending: "Pending", resolved: "Resolved", archived: "Archived" };

interface Row {
  item: InboxItem | null;
  place: HTMLLIElement;
  button: HTMLButtonElement;
}

export class List {
  readonly #list = one("#list", HTMLUListElement);
  readonly #rows = new Map<string, Row>();
  #order: Row[] = [];
  /** The row that the tab key reaches. */
  #stop: Row | null = null;

  /** `chosen` is told the id of the conversation that somebody chose. */
  constructor(chosen: (id: string) => void) {
    this.#list.onclick = ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      const id = button?.dataset["id"];
      if (id !== undefined) chosen(id);
    };
    this.#list.onkeydown = (event) => this.#press(event);
    this.#list.addEventListener("focusin", ({ target }) => {
      const row = this.#order.find(({ button }) => button === target);
      if (row !== undefined) this.#reach(row);
    });
  }

  /** Show these, in their order, `current` as the one that is read; `names` are those of members by their ids. */
  paint(items: readonly InboxItem[], current: string | null, names: ReadonlyMap<string, string>): void {
    this.#order = items.map((item, at) => {
      const row = this.#rows.get(item.id) ?? made(item.id);
      this.#rows.set(item.id, row);
      if (row.item !== item) {
        row.item = item;
        row.button.replaceChildren(...content(item, names));
        row.button.dataset["unread"] = String(item.unread_count > 0);
      }
      row.button.setAttribute("aria-current", String(item.id === current));
      row.place.style.setProperty("--at", String(at));
      return row;
    });
    const shown = new Set(items.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id);
    this.#list.style.setProperty("--rows", String(items.length));
    arrange(this.#list, this.#order.map(({ place }) => place));
    const stop = this.#stop !== null && this.#order.includes(this.#stop) ? this.#stop : this.#order[0];
    if (stop !== undefined) this.#reach(stop);
  }

  /** Put the focus on a conversation's row, or on the one that the tab key would reach. */
  focus(id: string | null): void {
    const row = (id === null ? undefined : this.#rows.get(id)) ?? this.#stop;
    row?.button.focus();
  }

  #press(event: KeyboardEvent): void {
    const at = this.#order.findIndex(({ button }) => button === document.activeElement);
    const last = this.#order.length - 1;
    const places: Record<string, number> = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last };
    const row = this.#order[places[event.key] ?? -1];
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    row.button.focus();
  }

  #reach(row: Row): void {
    if (this.#stop !== null) this.#stop.button.tabIndex = -1;
    row.button.tabIndex = 0;
    this.#stop = row;
  }
}

function made(id: string): Row {
  const button = make("button", { type: "button", "data-id": id, tabindex: "-1" });
  return { item: null, place: make("li", {}, button), button };
}

function content(item: InboxItem, names: ReadonlyMap<string, string>): Node[] {
  const { contact, last_message_at: at, unread_count: unread, assigned_to: assigned } = item;
  const who = assigned === null ? "unassigned" : (names.get(assigned) ?? "a member");
  const tags = item.tags.map((tag) => {
    const dot = make("i");
    dot.style.backgroundColor = tag.color;
    return make("span", {}, dot, tag.name);
  });
  const parts = [
    make("span", { class: "name" }, contact.name),
    make("time", { datetime: at }, brief(at)),
    make("span", { class: "preview" }, item.last_message_preview ?? "No message yet"),
    make("span", { class: "marks" }, `${STATUS[item.status]} · ${who}`, ...tags),
  ];
  // Names of a list's parts run together where nothing stands between them.
  const spaced = parts.flatMap((part) => [part, document.createTextNode(" ")]);
  if (unread > 0) spaced.push(make("span", { class: "unread" }, String(unread), make("span", { class: "unseen" }, " unread")));
  return spaced;
}
