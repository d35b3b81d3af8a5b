// Requests to the service that this page came from.

import { shown, type Credential } from "./session.ts";

/** Seconds to wait for an answer, and in a stream for whatever comes next: the service says every 10 s that it is there. */
const PATIENCE = 20;

/** A request that was not answered as hoped; `status` is 0 when it was not answered at all. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
  }
}

interface Asked {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** The API as somebody sees it. What is not answered well throws `ApiError`; an abort comes through as it is. */
export class Api {
  readonly #who: Credential;
  readonly #headers: Record<string, string>;
  readonly #refused: (detail: string) => void;

  /** `refused` is told when what is shown does not let in, or not any more. */
  constructor(who: Credential, workspace: string | null, refused: (detail: string) => void) {
    this.#who = who;
    this.#headers = { ...shown(who), ...(workspace === null ? {} : { "x-workspace-id": workspace }) };
    this.#refused = refused;
  }

  /** The same for another workspace. */
  within(workspace: string): Api {
    return new Api(this.#who, workspace, this.#refused);
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json<T>(path, { signal });
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#json<T>(path, { method: "POST", body });
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>(path, { method: "PATCH", body });
  }

  /** The data of each server-sent event (WHATWG HTML, 9.2) after the one with id `last`, as they come. */
  async *events(path: string, last: number, signal: AbortSignal): AsyncGenerator<string> {
    const silent = new AbortController();
    const ended = either(signal, silent.signal);
    let timer = 0;
    const expect = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(new DOMException("nothing came", "TimeoutError")), PATIENCE * 1000);
    };
    expect();
    try {
      const headers: Record<string, string> = last > 0 ? { "last-event-id": String(last) } : {};
      const response = await this.#answer(path, { headers, signal: ended });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      for (let held = ""; reader !== undefined; ) {
        const { done, value } = await reader.read();
        if (done) return;
        expect();
        const blocks = (held + value).split("\n\n");
        held = blocks.pop() ?? "";
        for (const block of blocks) {
          const data = block.split("\n").filter((line) => line.startsWith("data: "));
          if (data.length > 0) yield data.map((line) => line.slice("data: ".length)).join("\n");
        }
      }
    } catch (error) {
      throw explained(error);
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  async #json<T>(path: string, asked: Asked): Promise<T> {
    const late = AbortSignal.timeout(PATIENCE * 1000);
    const signal = asked.signal === undefined ? late : either(asked.signal, late);
    try {
      const response = await this.#answer(path, { ...asked, signal });
      return (await response.json()) as T;
    } catch (error) {
      throw explained(error);
    }
  }

  async #answer(path: string, { method = "GET", body, headers = {}, signal }: Asked): Promise<Response> {
    const request: RequestInit = { method, headers: { ...this.#headers, ...headers }, signal: signal ?? null };
    if (body !== undefined) {
      request.headers = { ...request.headers, "content-type": "application/json" };
      request.body = JSON.stringify(body);
    }
    const response = await fetch(path, request);
    if (response.ok) return response;
    const detail = await problem(response);
    if (response.status === 401 || response.status === 403) this.#refused(detail);
    throw new ApiError(response.status, detail);
  }
}

/** What a page says of an error of the API; any other is a mistake of ours, and goes on. */
export function told(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  throw error;
}

function explained(error: unknown): unknown {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new ApiError(0, `The service did not answer within ${PATIENCE} s.`);
  }
  if (error instanceof SyntaxError) return new ApiError(0, "What the service answered cannot be read.");
  // The one name that browsers have for everything that can happen to a connection.
  if (error instanceof TypeError) return new ApiError(0, "The service cannot be reached.");
  return error;
}

/** The detail of RFC 9457's problem, or else the status: a proxy's page is nothing to show. */
async function problem(response: Response): Promise<string> {
  const said = `The service answered ${response.status}.`;
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return said;
  const { detail } = (await response.json()) as { detail?: unknown };
  return typeof detail === "string" ? detail : said;
}

/** Aborted as soon as one of two is; `AbortSignal.any` is newer than the browsers that pages are built for. */
function either(one: AbortSignal, other: AbortSignal): AbortSignal {
  const both = new AbortController();
  for (const signal of [one, other]) {
    const abort = (): void => both.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { signal: both.signal });
  }
  return both.signal;
}
