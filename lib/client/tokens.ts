/**
 * Where tokens come from, and when a new one is asked for.
 *
 * @module
 */
import { DrawbridgeError } from "./client_error.ts";

/** Why a token is asked for. */
export type TokenReason =
  /** There is none that is still good. */
  | "connect"
  /** The present one ends soon. */
  | "expiring"
  /** A handshake failed, perhaps because of the present one. */
  | "refused"
  /** The present one has ended: without a newer one the client closes. */
  | "expired";

/**
 * Gives a token, or null where there will be none any more (the user has left): then the client
 * closes. What it throws is taken as passing; it is asked again later.
 */
export type TokenCallback = (reason: TokenReason) => string | null | Promise<string | null>;

/** The present token, and who gives the next. */
export class TokenSource {
  readonly #give: TokenCallback;
  #token: string | null = null;
  #expiresAtMs = Infinity;

  /** A text is a token that nobody renews. */
  constructor(source: string | TokenCallback) {
    this.#give = typeof source === "string" ? () => source : source;
  }

  /** Notes when the present token ends, as the server says. */
  set expiresAt(time: string) {
    this.#expiresAtMs = Date.parse(time);
  }

  /**
   * A token for a handshake; asks for one unless the present one may do.
   *
   * @throws {DrawbridgeError} `UNAUTHENTICATED` where there is none any more, `TOKEN_EXPIRED` where the
   * present one had ended and there is no newer one: both are final.
   * @throws {unknown} what the callback throws.
   */
  async get(reason: TokenReason): Promise<string> {
    const known = this.#token;
    if (reason === "connect" && known !== null && Date.now() < this.#expiresAtMs) return known;
    const given = await this.#give(reason);
    if (given === null) throw new DrawbridgeError("UNAUTHENTICATED", "There is no token any more");
    if (reason === "expired" && given === known) {
      throw new DrawbridgeError("TOKEN_EXPIRED", "The token has expired and there is no newer one");
    }
    // Whether it is taken for the present socket, the server says.
    if (reason !== "expiring") this.accept(given);
    return given;
  }

  /** Makes a token the present one. */
  accept(token: string): void {
    if (token !== this.#token) this.#expiresAtMs = Infinity;
    this.#token = token;
  }

  /** The present token. */
  get token(): string | null {
    return this.#token;
  }
}

/** Longest time before its end that a token is renewed, milliseconds. */
const LONGEST_MARGIN_MS = 60_000;

/** Wait where the token seems to have ended already: one of the two clocks is wrong. */
const WRONG_CLOCK_MS = 30_000;

/** Least wait before the same is tried again, milliseconds. */
const LEAST_RETRY_MS = 1_000;

/** Longest timer of the platform, milliseconds (a 32-bit integer). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Renews the token of an open socket before it ends. */
export class TokenRefresher {
  readonly #tokens: TokenSource;
  readonly #refresh: (token: string) => Promise<string>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;

  /** `refresh` hands a token to the server and resolves to its end. */
  constructor(tokens: TokenSource, refresh: (token: string) => Promise<string>) {
    this.#tokens = tokens;
    this.#refresh = refresh;
  }

  /** Waits for the end of the present token. */
  start(expiresAt: string): void {
    this.stop();
    this.#tokens.expiresAt = expiresAt;
    const restMs = Date.parse(expiresAt) - Date.now();
    const beforeMs = restMs - Math.min(LONGEST_MARGIN_MS, restMs / 5);
    this.#wait(restMs > 0 ? beforeMs : WRONG_CLOCK_MS, expiresAt);
  }

  /** Waits no more. */
  stop(): void {
    this.#generation++;
    clearTimeout(this.#timer);
  }

  #wait(ms: number, expiresAt: string): void {
    const isFar = ms > MAX_TIMER_MS;
    this.#timer = setTimeout(
      () => isFar ? this.#wait(ms - MAX_TIMER_MS, expiresAt) : void this.#renew(expiresAt),
      Math.min(ms, MAX_TIMER_MS),
    );
  }

  async #renew(expiresAt: string): Promise<void> {
    const generation = this.#generation;
    const isStopped = () => generation !== this.#generation;
    try {
      const token = await this.#tokens.get("expiring");
      if (isStopped()) return;
      if (token !== this.#tokens.token) {
        const next = await this.#refresh(token);
        this.#tokens.accept(token);
        if (!isStopped()) this.start(next);
        return;
      }
    } catch {
      // Refused or out of reach: there is time for another try, and then the socket ends with 4401.
    }
    if (isStopped()) return;
    const restMs = Date.parse(expiresAt) - Date.now();
    if (restMs > LEAST_RETRY_MS) this.#wait(Math.max(LEAST_RETRY_MS, restMs / 2), expiresAt);
  }
}
