// What the API answers and live connections tell, as its OpenAPI description has it; only what pages use.

export type Status = "open" | "pending" | "resolved" | "archived";

export interface Belonging {
  workspace_id: string;
  workspace: string;
  user_id: string | null;
  role: "admin" | "agent" | "key";
}

export interface Me {
  belongings: Belonging[];
  expires_at: string | null;
}

export interface LiveTicket {
  ticket: string;
  expires_at: string;
}

export interface Contact {
  id: string;
  name: string;
  phone: string;
  email: string | null;
}

export interface Tag {
  id: string;
  name: string;
  color: string;
}

export interface Member {
  id: string;
  name: string;
}

/** What a message changes of its conversation. */
export interface MovedConversation {
  id: string;
  contact_id: string;
  status: Status;
  assigned_to: string | null;
  unread_count: number;
  last_message_at: string;
  last_message_preview: string | null;
}

export interface InboxItem extends MovedConversation {
  channel: string;
  domain: string;
  contact: Contact;
  tags: Tag[];
}

export interface Inbox {
  conversations: InboxItem[];
  has_more: boolean;
  next_before: string | null;
  active_count: number;
  team: Member[];
}

export interface Message {
  id: string;
  conversation_id: string;
  direction: "in" | "out";
  body: string;
  sender_id: string | null;
  status: "received" | "queued" | "sent" | "delivered" | "read" | "failed";
  created_at: string;
}

export interface Thread {
  conversation_id: string;
  messages: Message[];
  next_before: string | null;
}

interface Happened<Kind extends string, Body> {
  kind: Kind;
  number: number;
  at: string;
  body: Body;
}

export type LiveEvent =
  | Happened<"message", { message: Message; conversation: MovedConversation }>
  | Happened<"conversation", { conversation: InboxItem }>
  | Happened<"contact", { contact: Contact }>
  | Happened<"contact_deleted", { contact: { id: string } }>
  | Happened<"erased", Record<string, never>>;

export type LiveMessage =
  | LiveEvent
  | { kind: "hello"; after: number; last: number; heartbeat: number }
  | { kind: "heartbeat"; number: number };

export interface CallCounts {
  answered: number;
  missed: number;
  voicemail: number;
  failed: number;
  seconds: number;
}

export type Outcome = "answered" | "missed" | "voicemail" | "failed";

export interface Pulse {
  day: string;
  conversations: number;
  active: number;
  unassigned: number;
  unread: number;
  contacts: number;
  incoming: number;
  outgoing: number;
  calls: CallCounts;
}

export interface Lead {
  contact_id: string;
  name: string;
  phone: string;
  call_id: string;
  lead_score: number;
  summary: string | null;
  started_at: string;
}

export interface Leads {
  leads: Lead[];
}

export interface ActivityItem {
  kind: "call" | "message";
  id: string;
  at: string;
  contact_id: string;
  name: string;
  detail: Outcome | "in" | "out";
  text: string | null;
}

export interface Activity {
  items: ActivityItem[];
}

export interface CallDay extends CallCounts {
  day: string;
}

export interface CallsDashboard {
  since: string;
  today: string;
  total: CallCounts;
  days: CallDay[];
}

export interface Agent {
  id: string;
  phone_number: string;
  configuration: Record<string, unknown>;
}

export type StageKind = "queued" | "connecting" | "connected" | "speaking" | "ended" | "failed";

export interface Stage {
  number: number;
  stage: StageKind;
  at: string;
  detail: string | null;
}

export interface Call {
  id: string;
  events: string;
  stages: Stage[];
}
