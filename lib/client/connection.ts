/**
 * A connection that comes back: one socket after another, until it is stopped or the server says
 * that trying again is of no use.
 *
 * @module
 */
import type { ClientFrame, ServerFrame } from "../chat/protocol.ts";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import { DrawbridgeError } from "./client_error.ts";
import { judge, type Verdict } from "./closing.ts";
import type { ClientState } from "./events.ts";
import { CLIENT_SUBPROTOCOL, type Session } from "./frames.ts";
import { Link, type LinkEnd } from "./link.ts";
import type { ClientFetch, ClientSocketConstructor } from "./socket.ts";
import { watchStartup } from "./startup_watch.ts";
import type { TokenReason, TokenSource } from "./tokens.ts";
import { deferred } from "./wait.ts";

/** What a connection is made of. */
export interface ConnectionParts {
  /** The server's address, `http:` or `https:`. */
  readonly address: URL;
  readonly tokens: TokenSource;
  readonly WebSocket: ClientSocketConstructor;
  /** Null: start-up states are not asked for. */
  readonly fetch: ClientFetch | null;
  readonly backoff: BackoffOptions;
}

/** What a connection tells. */
export interface ConnectionEvents {
  readonly onState: (state: ClientState) => void;
  /** Frames may be sent. */
  readonly onReady: (session: Session) => void;
  readonly onFrame: (frame: ServerFrame) => void;
  /** Until the next `onReady` nothing can be sent, and what was asked gets no answer. */
  readonly onLost: () => void;
  /** It will never be ready again; without an error where it was stopped. */
  readonly onClosed: (error: DrawbridgeError | null) => void;
}

/** A session that lasted this long was none that failed, milliseconds. */
const STABLE_MS = 5_000;

/** Longest wait for the close of the last socket, milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Connects and reconnects. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #stopping = deferred<null>();
  #living: Promise<void> | null = null;
  #link: Link | null = null;
  #isStopped = false;
  #failures = 0;
  /** How the last try's socket ended. */
  #lastEnd: LinkEnd | null = null;
  #hurry: () => void = () => {};

  /** Nothing happens before {@linkcode Connection.start}. */
  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Begins to connect; again changes nothing. */
  start(): void {
    if (this.#isStopped) return;
    this.#living ??= this.#live();
  }

  /** Whether frames may be sent. */
  get isReady(): boolean {
    return this.#link?.isReady ?? false;
  }

  /** Sends a frame; false where it is not ready. */
  send(frame: ClientFrame): boolean {
    return this.#link?.send(frame) ?? false;
  }

  /** Tries now, where it waits before the next try. */
  hurry(): void {
    this.#hurry();
  }

  /** Ends it for good. Resolves when the socket is closed. */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      const link = this.#link;
      link?.cut(1000);
      this.#stopping.resolve(null);
      this.#hurry();
      if (link !== null) await within(CLOSE_TIMEOUT_MS, link.closed);
      if (this.#living === null) this.#events.onClosed(null);
    }
    await this.#living;
  }

  async #live(): Promise<void> {
    let reason: TokenReason = "connect";
    this.#events.onState({ kind: "connecting" });
    while (!this.#isStopped) {
      const verdict = await this.#try(reason);
      if (this.#isStopped) break;
      if (verdict.kind === "stop") {
        this.#isStopped = true;
        return this.#events.onClosed(verdict.error);
      }
      const { delayMs, error } = verdict;
      reason = verdict.reason;
      const { code = 0, wasOpen = false } = this.#lastEnd ?? {};
      const end = this.#lastEnd === null ? null : { code, wasOpen };
      this.#events.onState({ kind: "reconnecting", attempt: this.#failures, delayMs, error, end });
      await this.#wait(delayMs);
    }
    this.#events.onClosed(null);
  }

  /** One try, from asking for a token to the end of its socket. */
  async #try(reason: TokenReason): Promise<Verdict> {
    const { tokens, backoff } = this.#parts;
    let token: string | null;
    this.#lastEnd = null;
    try {
      token = await Promise.race([tokens.get(reason), this.#stopping.promise]);
    } catch (error) {
      if (error instanceof DrawbridgeError) return { kind: "stop", error };
      const delayMs = backoffMs(++this.#failures, backoff);
      const cause = new DrawbridgeError("UNAUTHENTICATED", "Cannot get a token", {
        cause: error,
        retryable: true,
      });
      return { kind: "retry", delayMs, reason, error: cause };
    }
    if (token === null || this.#isStopped) return stopped();
    let end: LinkEnd;
    try {
      end = await this.#hold(token);
    } catch (cause) {
      // Its constructor throws for what no other try mends: an address, a token's characters.
      const message = "Cannot make a WebSocket for this address and token";
      return { kind: "stop", error: new DrawbridgeError("INVALID_REQUEST", message, { cause }) };
    }
    this.#lastEnd = end;
    if (end.readyAtMs !== null && Date.now() - end.readyAtMs >= STABLE_MS) this.#failures = 0;
    return judge(end, ++this.#failures, backoff);
  }

  /** Holds one socket until it has ended. */
  async #hold(token: string): Promise<LinkEnd> {
    const { address, WebSocket, fetch } = this.#parts;
    const url = new URL("/ws", address);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url.href, [CLIENT_SUBPROTOCOL, `bearer.${token}`]);
    const endWatch = fetch === null ? () => {} : watchStartup({
      url: new URL("/health/startup", address).href,
      fetch,
      onPhases: (phases) => this.#events.onState({ kind: "waiting-for-startup", phases }),
    });
    const link = this.#link = new Link(socket, {
      onOpen: endWatch,
      onReady: (session) => this.#ready(session),
      onFrame: this.#events.onFrame,
    });
    const end = await link.ended;
    endWatch();
    this.#link = null;
    if (end.readyAtMs !== null) this.#events.onLost();
    return end;
  }

  #ready(session: Session): void {
    const { degraded: services } = session;
    this.#events.onReady(session);
    this.#events.onState(
      services.length === 0 ? { kind: "ready", session } : { kind: "degraded", session, services },
    );
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const timer = setTimeout(resolve, ms);
    this.#hurry = resolve;
    await promise;
    clearTimeout(timer);
    this.#hurry = () => {};
  }
}

function stopped(): Verdict {
  return { kind: "stop", error: new DrawbridgeError("CLOSED", "The client was closed") };
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = deferred<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
