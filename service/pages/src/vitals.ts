// What this page view felt like, told to the service once, when it is left or hidden: the five Web Vitals and the
// moments that the page marked. Seconds everywhere; CLS is plain.

import { onCLS, onFCP, onINP, onLCP, onTTFB, type Metric } from "web-vitals";

const VITALS = ["lcp", "inp", "cls", "fcp", "ttfb"] as const;
const ADDRESS = "/api/vitals";
/** Seconds: with a moment beyond it the service would refuse all that a view tells. */
const LONGEST = 600;

type Vital = (typeof VITALS)[number];

/** One page view, as the service takes it. */
interface Beacon {
  page: string;
  device: "phone" | "desktop";
  navigation: string;
  values: Partial<Record<Vital, number>>;
  ratings: Partial<Record<Vital, string>>;
  timings: Record<string, number>;
  missing: Vital[];
}

class View {
  readonly values: Beacon["values"] = {};
  readonly ratings: Beacon["ratings"] = {};
  navigation: string;
  /** Whether the page was loaded for it, and so has marks of its own. */
  readonly loaded: boolean;
  told = false;

  constructor(navigation: string, loaded: boolean) {
    this.navigation = navigation;
    this.loaded = loaded;
  }

  take(metric: Metric): void {
    const vital = metric.name.toLowerCase() as Vital;
    this.values[vital] = vital === "cls" ? rounded(metric.value) : seconds(metric.value);
    this.ratings[vital] = metric.rating;
    this.navigation = metric.navigationType;
  }
}

/** Mark a moment of this page view, once: the first one counts. */
export function mark(name: string): void {
  if (performance.getEntriesByName(name, "mark").length === 0) performance.mark(name);
}

/** Measure the views of `page`, a path, with the moments that it marks by these names. */
export function measure(page: string, timings: readonly string[]): void {
  const [navigation] = performance.getEntriesByType("navigation");
  let view = new View(navigation?.type.replace("_", "-") ?? "navigate", true);

  // Before the library's own listeners, which begin measures of the new view...
  addEventListener(
    "pageshow",
    ({ persisted }) => {
      if (persisted) view = new View("back-forward-cache", false);
    },
    { capture: true },
  );
  for (const on of [onLCP, onINP, onCLS, onFCP, onTTFB]) {
    // Each change, since interactions are worked through when the page is idle: one that left it is told of too late.
    on((metric: Metric) => view.take(metric), { reportAllChanges: true });
  }
  // ... and after them when the page is hidden, as it is before it goes (HTML, 7.4.6): they end theirs first.
  const tell = (): void => {
    if (view.told) return;
    view.told = true;
    send(beacon(page, view, view.loaded ? marked(timings, navigation?.activationStart ?? 0) : {}));
  };
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") tell();
  });
}

function beacon(page: string, view: View, timings: Record<string, number>): Beacon {
  const { navigation, values, ratings } = view;
  const missing = VITALS.filter((vital) => !(vital in values));
  return { page, device: device(), navigation, values, ratings, timings, missing };
}

function send(beacon: Beacon): void {
  const body = new Blob([JSON.stringify(beacon)], { type: "application/json" });
  if (navigator.sendBeacon(ADDRESS, body)) return;
  // The queue of beacons is full. A view that cannot be told either way is lost, as those of closed laptops are.
  fetch(ADDRESS, { method: "POST", body, keepalive: true }).catch(() => undefined);
}

/** The moments that were marked, in seconds since the navigation began; not those that came later than is believed. */
function marked(names: readonly string[], since: number): Record<string, number> {
  const found = names.flatMap((name) => performance.getEntriesByName(name, "mark").slice(0, 1));
  const moments = found.map(({ name, startTime }) => [name, seconds(Math.max(0, startTime - since))] as const);
  return Object.fromEntries(moments.filter(([, moment]) => moment <= LONGEST));
}

/** A phone is what is narrow, or low and touched. */
function device(): Beacon["device"] {
  return matchMedia("(max-width: 600px), (max-height: 600px) and (pointer: coarse)").matches ? "phone" : "desktop";
}

function seconds(milliseconds: number): number {
  return rounded(milliseconds / 1000);
}

function rounded(value: number): number {
  return Number(value.toFixed(6));
}
