/**
 * Keys from a JWKS endpoint: fetched at start-up, again every ten minutes, and
 * when a token names a key that is not known. A dead endpoint takes no key away.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { JWKS_COOLDOWN_MS } from "../limits.ts";
import { fetchJwks, importJwks, type SetKey } from "./jwks.ts";
import type { KeyOptions, KeySource } from "./key_source.ts";
import type { TokenHeader } from "./token_header.ts";

/** Where a JWKS is and which of its keys to take. */
export type RemoteKeyOptions = Extract<KeyOptions, { kind: "jwks" }>;

/** Time between two background fetches, milliseconds: a withdrawn key goes within it. */
export const JWKS_REFRESH_MS = 10 * 60_000;

/** Keys tried for one token at most: one without `kid` may fit several. */
export const MAX_CANDIDATE_KEYS = 4;

/**
 * Fetches the set once and keeps it fresh until it is closed.
 *
 * @throws {Error} Where the fetch fails or the set has no usable key; nothing is left running.
 * @throws The signal's reason, where it aborts.
 */
export async function loadRemoteKeys(
  options: RemoteKeyOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<KeySource> {
  return new RemoteKeys(options, await fetchKeys(options, signal));
}

async function fetchKeys(
  { url, algorithms, fetch: fetchSet = fetch }: RemoteKeyOptions,
  signal: AbortSignal,
): Promise<readonly SetKey[]> {
  return await importJwks(await fetchJwks(url, { fetch: fetchSet, signal }), algorithms);
}

/** The last fetch that was begun after the first set. */
interface Attempt {
  readonly startedAtMs: number;
  failed: boolean;
}

class RemoteKeys implements KeySource {
  readonly #options: RemoteKeyOptions;
  readonly #closing = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #keys: readonly SetKey[];
  #attempt: Attempt | undefined;
  #fetching: Promise<boolean> | undefined;

  constructor(options: RemoteKeyOptions, keys: readonly SetKey[]) {
    this.#options = options;
    this.#keys = keys;
    this.#timer = setInterval(() => void this.#refresh(), JWKS_REFRESH_MS);
  }

  async candidates({ alg, kid }: TokenHeader): Promise<readonly CryptoKey[]> {
    // Only a key that nobody knows is worth a fetch: not a missing kid, not one of another algorithm.
    if (kid !== undefined && !this.#keys.some((known) => known.kid === kid)) await this.#search();
    return this.#keys
      .filter((known) => known.alg === alg && (kid === undefined || known.kid === kid))
      .slice(0, MAX_CANDIDATE_KEYS)
      .map((known) => known.key);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closing.abort();
  }

  /** Fetches again unless that was done just now. */
  async #search(): Promise<void> {
    if (this.#closing.signal.aborted) throw unavailable(JWKS_COOLDOWN_MS);
    const cooldownMs = this.#cooldownMs();
    if (this.#fetching === undefined && cooldownMs > 0) {
      if (this.#attempt?.failed) throw unavailable(cooldownMs);
      return;
    }
    if (!await this.#refresh()) throw unavailable(this.#cooldownMs());
  }

  /** Time left until an unknown `kid` may cause a fetch again. */
  #cooldownMs(): number {
    if (this.#attempt === undefined) return 0;
    const elapsedMs = Date.now() - this.#attempt.startedAtMs;
    // Below zero the clock was set back: waiting for it could take hours.
    return elapsedMs < 0 ? 0 : Math.max(0, JWKS_COOLDOWN_MS - elapsedMs);
  }

  /** Resolves to whether the set is new; joins a fetch that is under way. */
  #refresh(): Promise<boolean> {
    return this.#fetching ??= this.#replaceKeys().finally(() => this.#fetching = undefined);
  }

  async #replaceKeys(): Promise<boolean> {
    const attempt: Attempt = { startedAtMs: Date.now(), failed: false };
    this.#attempt = attempt;
    try {
      this.#keys = await fetchKeys(this.#options, this.#closing.signal);
      return true;
    } catch (error) {
      attempt.failed = true;
      if (!this.#closing.signal.aborted) this.#options.onRefreshFailed?.(error);
      return false;
    }
  }
}

function unavailable(retryAfterMs: number): AppError {
  return new AppError("AUTH_UNAVAILABLE", { retryAfterMs });
}
