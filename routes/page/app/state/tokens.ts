/**
 * Where the page's tokens come from. A token stays in memory: it is in no address and no storage.
 *
 * @module
 */
/// <reference lib="dom" />
import type { TokenCallback, TokenReason } from "../../../../lib/client/mod.ts";

/** The server says that nobody is signed in: asking again changes nothing by itself. */
export class SignedOutError extends Error {
  override readonly name = "SignedOutError";
}

/** Keeps the last token for what goes over HTTP, and asks for the next. */
export class TokenKeeper {
  readonly #ask: (reason: TokenReason) => Promise<string>;
  #token: string | null = null;
  #asking: Promise<string> | null = null;

  /** `ask` gives a new token, and throws a {@linkcode SignedOutError} where there is none any more. */
  constructor(ask: (reason: TokenReason) => Promise<string>) {
    this.#ask = ask;
  }

  /** For the client: null once nobody is signed in. */
  readonly give: TokenCallback = async (reason) => {
    try {
      return await this.renew(reason);
    } catch (error) {
      if (error instanceof SignedOutError) return null;
      throw error;
    }
  };

  /** The present token, or the first. */
  async current(): Promise<string> {
    return this.#token ?? await this.renew("connect");
  }

  /** A new token. Who asks meanwhile gets the same. */
  async renew(reason: TokenReason): Promise<string> {
    this.#asking ??= this.#ask(reason).finally(() => this.#asking = null);
    return this.#token = await this.#asking;
  }
}

/** The part of `fetch` that is used here. */
export type TokenFetch = (url: string, init: RequestInit) => Promise<Response>;

/** Asks the server for a development token of that name. */
export function developmentToken(name: string, fetch: TokenFetch): Promise<string> {
  return askFor("/auth/dev-token", fetch, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sub: name }),
  }, [400, 401, 403, 404]);
}

/** Asks an endpoint that knows the visitor by its cookie. */
export function endpointToken(url: string, fetch: TokenFetch): Promise<string> {
  return askFor(url, fetch, {
    method: "POST",
    credentials: "include",
    headers: { Accept: "application/json" },
  }, [401, 403]);
}

/** Statuses of `signedOut` are the last word; any other failure may pass. */
async function askFor(
  url: string,
  fetch: TokenFetch,
  init: RequestInit,
  signedOut: readonly number[],
): Promise<string> {
  const response = await fetch(url, { ...init, cache: "no-store" });
  if (signedOut.includes(response.status)) throw new SignedOutError("Nobody is signed in");
  if (!response.ok) throw new Error(`Cannot get a token: the answer was ${response.status}`);
  const { token } = await response.json() as { token?: unknown };
  if (typeof token !== "string") throw new Error("Cannot get a token: the answer holds none");
  return token;
}
