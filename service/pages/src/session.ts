// Who is signed in, for as long as this tab is open: sessionStorage alone, nothing that a browser sends by itself.

const KEY = "tailgate.session";
// RFC 7515: three parts in base64url, with a dot between.
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
// RFC 9110, 5.5: what a header's value may hold without being misread.
const SENDABLE = /^[\x21-\x7e]+$/;

/** What is shown with each request: a workspace's key, or a token of a person. */
export interface Credential {
  kind: "key" | "token";
  secret: string;
}

/** A credential, and the workspace that it was chosen for. */
export interface Session extends Credential {
  workspace: string;
  /** The member that a token speaks for; a key is no member. */
  user: string | null;
  name: string;
}

/** What somebody pasted; null for what no request can carry. */
export function credential(text: string): Credential | null {
  const secret = text.trim().replace(/^Bearer\s+/i, "");
  if (!SENDABLE.test(secret)) return null;
  return { kind: TOKEN.test(secret) ? "token" : "key", secret };
}

/** The headers that show a credential. */
export function shown(who: Credential): Record<string, string> {
  return who.kind === "token" ? { authorization: `Bearer ${who.secret}` } : { "x-api-key": who.secret };
}

export function kept(): Session | null {
  const text = sessionStorage.getItem(KEY);
  return text === null ? null : (JSON.parse(text) as Session);
}

export function keep(session: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

export function forget(): void {
  sessionStorage.removeItem(KEY);
}
