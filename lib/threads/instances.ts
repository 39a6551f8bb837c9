/**
 * Which instances live: each gives a sign of life in the store from time to time.
 *
 * @module
 */
import { INSTANCE_PREFIX, instanceKey } from "./keys.ts";
import { put, type Store } from "./store.ts";

/** Time between two signs of life, milliseconds. */
export const HEARTBEAT_MS = 10_000;

/** Silence after which an instance counts as dead, milliseconds. */
export const DEAD_AFTER_MS = 60_000;

/** Instances that are looked at to find another one that lives. */
const MAX_INSTANCES = 100;

/** The living, as one instance sees them. */
export class Instances {
  readonly #store: Store;
  readonly #instanceId: string;
  /** Until when each counts as living without another look, milliseconds since the epoch. */
  readonly #aliveUntilMs = new Map<string, number>();
  #registered: Promise<void> | null = null;
  #hasPeersUntilMs = 0;

  /** Looks through `store`, which stays its opener's, for others than `instanceId`. */
  constructor(store: Store, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
  }

  /**
   * Makes this instance count as living, once.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async register(): Promise<void> {
    const registered = this.#registered ??= this.giveSign();
    try {
      await registered;
    } catch (error) {
      if (this.#registered === registered) this.#registered = null;
      throw error;
    }
  }

  /**
   * Gives a sign of life.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async giveSign(): Promise<void> {
    const sign = put(instanceKey(this.#instanceId), Date.now(), { expireInMs: DEAD_AFTER_MS });
    await this.#store.commit({ checks: [], writes: [sign] });
  }

  /**
   * Whether an instance lives. That it does not is true now, that it does was true a heartbeat ago
   * at most.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async isAlive(instanceId: string): Promise<boolean> {
    if ((this.#aliveUntilMs.get(instanceId) ?? 0) > Date.now()) return true;
    const { value } = await this.#store.get(instanceKey(instanceId));
    const isAlive = isRecent(value);
    if (isAlive) this.#aliveUntilMs.set(instanceId, Date.now() + HEARTBEAT_MS);
    else this.#aliveUntilMs.delete(instanceId);
    return isAlive;
  }

  /**
   * Whether another instance lives. That none does is true now, and not a heartbeat ago; that one
   * does may be.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async hasPeers(): Promise<boolean> {
    if (this.#hasPeersUntilMs > Date.now()) return true;
    const rows = await this.#store.list({ prefix: INSTANCE_PREFIX, limit: MAX_INSTANCES });
    const found = rows.length === MAX_INSTANCES ||
      rows.some(({ key, value }) => key.at(-1) !== this.#instanceId && isRecent(value));
    if (found) this.#hasPeersUntilMs = Date.now() + HEARTBEAT_MS;
    return found;
  }
}

function isRecent(signMs: number | null): boolean {
  return signMs !== null && signMs + DEAD_AFTER_MS > Date.now();
}
