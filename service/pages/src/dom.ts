// The few things that are done to the document, typed. Text is only ever set as text.

type Kind<T> = { new (): T; name: string };

/** The one element that `selector` names; an error that names it when the page has none of that kind. */
export function one<T extends Element>(selector: string, kind: Kind<T>, within: ParentNode = document): T {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`${selector}: the page has no such ${kind.name}`);
  return found;
}

/** A new element with its attributes and children; those that are null are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Let an element say something; a live region is not made to repeat itself. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Let `parent` have these children in this order; those that stay where they are are not touched. */
export function arrange(parent: Element, children: readonly Element[]): void {
  const focused = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  // What is moved loses the focus.
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}
