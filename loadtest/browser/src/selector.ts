const MOST_PARTS = 4;
const MOST_CLASSES = 2;

/** An element as a short selector, for people to find it by: `main > section.panel > h2`. */
export function selector(element: Element): string {
  const parts: string[] = [];
  for (let each: Element | null = element; each && parts.length < MOST_PARTS; each = each.parentElement) {
    const name = each.localName;
    if (each.id) {
      parts.unshift(`${name}#${each.id}`);
      break;
    }
    parts.unshift([name, ...[...each.classList].slice(0, MOST_CLASSES)].join("."));
  }
  return parts.join(" > ");
}
