/**
 * A token from the site that embeds the page, by messages between the two windows.
 *
 * @module
 */
/// <reference lib="dom" />
import type { TokenReason } from "../../../../lib/client/mod.ts";
import { SignedOutError } from "./tokens.ts";

/** A message as it arrives. */
export interface IncomingMessage {
  readonly origin: string;
  readonly source: unknown;
  readonly data: unknown;
}

/** The windows, as far as they are needed. */
export interface EmbedWindow {
  /** Who may answer; null where nobody embeds the page. */
  readonly host: { postMessage(message: unknown, targetOrigin: string): void } | null;
  /** The origin of the host, where the browser tells it. */
  readonly hostOrigin: string | undefined;
  /** Calls `listener` for each message until the returned function is called. */
  listen(listener: (message: IncomingMessage) => void): () => void;
}

/** Longest wait for the site's answer, milliseconds; then it is asked anew. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Asks the embedding site. A message is an answer only if it comes from that window and from one of
 * `origins`; every other is passed over.
 *
 * @throws {SignedOutError} where nobody embeds the page, no origin is allowed, or the site says null.
 * @throws {Error} where the site does not answer in time.
 */
export function embeddedToken(
  origins: readonly string[],
  reason: TokenReason,
  { host, hostOrigin, listen }: EmbedWindow,
): Promise<string> {
  // A message to an origin that is not there makes a browser complain.
  const asked = origins.filter((origin) => hostOrigin === undefined || origin === hostOrigin);
  if (host === null || asked.length === 0) {
    return Promise.reject(new SignedOutError("Nobody embeds this page"));
  }
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      stop();
      act();
    };
    const stop = listen(({ origin, source, data }) => {
      if (source !== host || !origins.includes(origin)) return;
      const { type, token } = (data ?? {}) as { type?: unknown; token?: unknown };
      if (type !== "drawbridge:token") return;
      if (token === null) finish(() => reject(new SignedOutError("The site says: signed out")));
      else if (typeof token === "string" && token !== "") finish(() => resolve(token));
    });
    const timer = setTimeout(
      () => finish(() => reject(new Error("The embedding site did not answer"))),
      ANSWER_TIMEOUT_MS,
    );
    for (const origin of asked) {
      host.postMessage({ type: "drawbridge:token-request", reason }, origin);
    }
  });
}

/** The page's own windows. */
export function embedWindow(page: Window): EmbedWindow {
  return {
    host: page.parent === page ? null : page.parent,
    // Firefox does not know it.
    hostOrigin: page.location.ancestorOrigins?.[0],
    listen(listener) {
      page.addEventListener("message", listener);
      return () => page.removeEventListener("message", listener);
    },
  };
}
