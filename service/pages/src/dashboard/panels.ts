// What each panel asks for, and how its answer is shown.

import type { Api } from "../api.ts";
import { make, one } from "../dom.ts";
import type { Activity, ActivityItem, CallsDashboard, Leads, Pulse } from "../models.ts";
import { brief, number } from "../times.ts";
import { all, calls, DAYS } from "./calls.ts";
import { Panel } from "./panel.ts";
import { ROWS, rows } from "./rows.ts";

const DETAILS: Record<ActivityItem["detail"], string> = {
  in: "Message in",
  out: "Message out",
  answered: "Call answered",
  missed: "Call missed",
  voicemail: "Voicemail",
  failed: "Call failed",
};

/** What can be asked to show itself. */
export interface Asked {
  ask(): Promise<boolean>;
}

/** The page's panels; `today` is the day that counts as that, else the service's. */
export function panels(api: Api, today: string | null): Asked[] {
  const day = today === null ? {} : { today };
  const limit = { limit: String(ROWS) };
  const [pulseView, leadsView, activityView, callsView] = [view("pulse"), view("leads"), view("activity"), view("calls")];
  return [
    new Panel<Pulse>(api, pulseView, address("/api/analytics/dashboard-pulse", day), pulse(pulseView)),
    new Panel<Leads>(api, leadsView, address("/api/analytics/leads", limit), leads(leadsView)),
    new Panel<Activity>(api, activityView, address("/api/analytics/recent-activity", limit), activity(activityView)),
    new Panel<CallsDashboard>(api, callsView, address("/api/calls-dashboard", { ...day, days: String(DAYS) }), calls(callsView)),
  ];
}

function view(name: string): HTMLElement {
  return one(`[data-panel="${name}"]`, HTMLElement);
}

function address(path: string, asked: Record<string, string>): string {
  const text = new URLSearchParams(asked).toString();
  return text === "" ? path : `${path}?${text}`;
}

function pulse(view: HTMLElement): (answer: Pulse) => void {
  return ({ calls, ...answer }) => {
    const counts: Record<string, number | string> = { ...answer };
    for (const place of view.querySelectorAll<HTMLElement>("[data-value]")) {
      const value = counts[place.dataset["value"] ?? ""];
      if (typeof value === "number") place.replaceChildren(number(value));
    }
    const of = make("small", {}, ` of ${number(all(calls))}`);
    one('[data-value="calls"]', HTMLElement, view).replaceChildren(number(calls.answered), of);
  };
}

function leads(view: HTMLElement): (answer: Leads) => void {
  const fill = rows(one(".rows", HTMLElement, view), "Nobody has called yet.");
  return ({ leads }) =>
    fill(
      leads.map(({ name, phone, lead_score, summary, started_at }) => ({
        who: name,
        when: brief(started_at),
        text: summary ?? phone,
        mark: String(lead_score),
        score: lead_score,
      })),
    );
}

function activity(view: HTMLElement): (answer: Activity) => void {
  const fill = rows(one(".rows", HTMLElement, view), "Nothing has happened yet.");
  return ({ items }) =>
    fill(items.map(({ name, at, text, detail }) => ({ who: name, when: brief(at), text: text ?? "", mark: DETAILS[detail] })));
}
