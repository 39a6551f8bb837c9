/**
 * The few things that go over HTTP: the list of threads, and what the server says when it refuses a
 * socket without a word.
 *
 * @module
 */
/// <reference lib="dom" />
import type { TokenFetch, TokenKeeper } from "./tokens.ts";

/** A thread as the list tells of it. */
export interface ThreadSummary {
  readonly id: string;
  /** Null before its first message. */
  readonly title: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly headSeq: number;
  readonly activeRun: { readonly runId: string } | null;
}

/** One page of the list, newest activity first. */
export interface ThreadPage {
  readonly threads: readonly ThreadSummary[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** The server refused: its problem document's code. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;

  /** Made of a response's status and its problem document. */
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Longest wait for an answer, milliseconds: the gate holds a request for 30 s by default. */
const TIMEOUT_MS = 40_000;

/** Calls the server with the present token; a token that is refused is renewed once. */
export class Api {
  readonly #tokens: TokenKeeper;
  readonly #fetch: TokenFetch;

  /** Takes its tokens from `tokens`. */
  constructor(tokens: TokenKeeper, fetch: TokenFetch) {
    this.#tokens = tokens;
    this.#fetch = fetch;
  }

  /** One page of threads. */
  async threads(cursor: string | null, limit = 50): Promise<ThreadPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor !== null) query.set("cursor", cursor);
    return await (await this.#call("GET", `/api/threads?${query}`)).json() as ThreadPage;
  }

  /** Gives a thread another title. */
  async rename(id: string, title: string): Promise<void> {
    await this.#call("PATCH", `/api/threads/${id}`, { title });
  }

  /** Removes a thread and all of it; one that is not there is gone as well. */
  async remove(id: string): Promise<void> {
    try {
      await this.#call("DELETE", `/api/threads/${id}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  async #call(method: string, path: string, body?: unknown): Promise<Response> {
    const ask = async (token: string): Promise<Response> =>
      await this.#fetch(path, {
        method,
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    let response = await ask(await this.#tokens.current());
    if (response.status === 401) response = await ask(await this.#tokens.renew("refused"));
    if (response.ok) return response;
    throw await errorOf(response);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  // A proxy's own error page is no problem document.
  const problem = await response.json().catch(() => ({})) as { code?: unknown; detail?: unknown };
  const code = typeof problem.code === "string" ? problem.code : "INTERNAL";
  const detail = typeof problem.detail === "string" ? problem.detail : `The answer was ${status}`;
  return new ApiError(status, code, detail);
}
