// What a measured page runs before any script of its own: it tells of each Web Vital as it changes, and of each moment
// that the page marks itself by the User Timing API. It is told to a binding, which nobody else finds; in seconds.
//
// When a visit ends, whoever drives the browser calls what stands under the symbol `tailgate.leave`: the page then
// takes itself for hidden, as it does when a person turns away. That makes each measure final, and beacons go out.

import { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";

import { selector } from "./selector.ts";

type Vital = "lcp" | "inp" | "cls" | "fcp" | "ttfb";

const BINDING = "__tailgate";
const LEAVE = Symbol.for("tailgate.leave");
const MOST_MOMENTS = 40;
const MOMENT = /^[a-z][a-z0-9_]{0,39}$/;
const PAINTED_WITHIN_MS = 500;
const TOLD_WITHIN_MS = 2000;
const LOOK_MS = 20;
const LATE_MS = 100;

// Taken before the page has a script that could replace them.
const { stringify } = JSON;
const { timeOrigin } = performance;

interface Globals {
  [BINDING]?: (payload: string) => void;
}

const globals = globalThis as typeof globalThis & Globals;
const tell = globals[BINDING];
// Frames have the binding as well, and nothing to tell of.
delete globals[BINDING];
if (tell && window === window.top && /^https?:$/.test(location.protocol)) measure(tell);

function measure(tell: (payload: string) => void): void {
  // Without a prototype: what a page gives to all objects, such as a toJSON, this one has not.
  const report = (kind: string, told: object): void =>
    tell(stringify({ __proto__: null, document: timeOrigin, kind, ...told }));
  const vital = (name: Vital, value: number, more: object = {}): void => report("vital", { name, value, ...more });
  const all = { reportAllChanges: true };
  const hide = hiding();

  report("document", { origin: location.origin, path: location.pathname });
  onTTFB(({ value }) => {
    const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    vital("ttfb", value / 1e3, { asked: (navigation?.requestStart ?? 0) / 1e3 });
  }, all);
  const seen = new Set<Vital>();
  onFCP(({ value }) => {
    seen.add("fcp");
    vital("fcp", value / 1e3);
  }, all);
  onLCP(({ value, entries }) => {
    const element = entries.at(-1)?.element;
    vital("lcp", value / 1e3, { element: element ? selector(element) : null });
  }, all);
  onCLS(({ value }) => vital("cls", value), all);
  onINP(({ value }) => {
    seen.add("inp");
    vital("inp", value / 1e3);
  }, all);
  let interacted = false;
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, () => (interacted = true), { capture: true, passive: true });
  }

  // Each once: what a page marks again and again leaves room for the others.
  const moments = new Set<string>();
  const marked = (entries: PerformanceEntryList): void => {
    for (const { name, startTime } of entries) {
      if (moments.size === MOST_MOMENTS || moments.has(name) || !MOMENT.test(name)) continue;
      moments.add(name);
      report("timing", { name, value: startTime / 1e3 });
    }
  };
  const observer = new PerformanceObserver((list) => marked(list.getEntries()));
  observer.observe({ type: "mark", buffered: true });

  Object.defineProperty(globals, LEAVE, {
    value: async () => {
      await painted();
      // Paints are told of some time after they were, and so is what an interaction led to; nobody leaves before.
      const told = (): boolean => seen.has("fcp") && (seen.has("inp") || !interacted);
      for (let waited = 0; !told() && waited < TOLD_WITHIN_MS; waited += LOOK_MS) await pause(LOOK_MS);
      await pause(interacted ? LATE_MS : 0);
      marked(observer.takeRecords());
      hide();
    },
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Once what the last interaction has changed can be seen; not for ever. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, PAINTED_WITHIN_MS);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)));
  });
}

/** What makes the page take itself for hidden: headless, it never really is, until it goes and nobody listens any more. */
function hiding(): () => void {
  let hidden = false;
  // It is hidden once, as anybody's is. Ours comes before all other listeners, having been the first to be added.
  const again = (event: Event): void => {
    if (hidden) event.stopImmediatePropagation();
  };
  addEventListener("visibilitychange", again, { capture: true });
  return () => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    hidden = true;
  };
}
