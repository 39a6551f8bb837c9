/**
 * The threads that sockets and runs of one instance follow, and what the others
 * see of that: a row for each, which stands as long as somebody here follows.
 *
 * @module
 */
import type { Instances } from "./instances.ts";
import { followerKey, type Incarnation, nameOf } from "./keys.ts";
import { put, remove, type Store, type Write } from "./store.ts";

/** Threads followed again at once. */
const AT_ONCE = 64;

interface Followed {
  readonly thread: Incarnation;
  count: number;
  /** Settles when other instances can see it; null where they may not. */
  stored: Promise<unknown> | null;
  /** When that was, on the monotonic clock. */
  heardSinceMs: number;
}

/** Counts who follows what. */
export class FollowedThreads {
  readonly #store: Store;
  readonly #instanceId: string;
  readonly #instances: Instances;
  readonly #followed = new Map<string, Followed>();

  /** Stores through `store`, which stays its opener's, as `instanceId`, one of `instances`. */
  constructor(parts: { store: Store; instanceId: string; instances: Instances }) {
    this.#store = parts.store;
    this.#instanceId = parts.instanceId;
    this.#instances = parts.instances;
  }

  /**
   * Counts one more, and resolves once other instances can see it. Where it rejects it counts all
   * the same, for {@linkcode showAgain}.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async add(thread: Incarnation): Promise<void> {
    const name = nameOf(thread);
    const followed = this.#followed.get(name) ??
      { thread, count: 0, stored: null, heardSinceMs: Infinity };
    followed.count++;
    this.#followed.set(name, followed);
    await this.#show(followed);
  }

  /** Counts one less. Of the last, what removes its row; null where others are left. */
  remove(thread: Incarnation): (() => Promise<void>) | null {
    const name = nameOf(thread);
    const followed = this.#followed.get(name);
    if (followed === undefined || --followed.count > 0) return null;
    this.#followed.delete(name);
    return () => this.#hide(followed);
  }

  /** Whether anybody here follows a thread. */
  has(thread: Incarnation): boolean {
    return this.#followed.has(nameOf(thread));
  }

  /** Whether other instances have seen for so many milliseconds that a thread is followed. */
  isShownFor(thread: Incarnation, ms: number): boolean {
    const sinceMs = this.#followed.get(nameOf(thread))?.heardSinceMs ?? Infinity;
    return sinceMs + ms <= performance.now();
  }

  /** The others may have removed every row: they took this instance for dead. */
  distrust(): void {
    for (const followed of this.#followed.values()) {
      followed.stored = null;
      followed.heardSinceMs = Infinity;
    }
  }

  /**
   * Shows what the others may not see; `onShown` is told of each: of what they did meanwhile, nobody was.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async showAgain(onShown: (thread: Incarnation) => void): Promise<void> {
    const unseen = [...this.#followed.values()].filter(({ stored }) => stored === null);
    for (let from = 0; from < unseen.length; from += AT_ONCE) {
      const some = unseen.slice(from, from + AT_ONCE).filter(({ thread }) => this.has(thread));
      await Promise.all(some.map(async (followed) => {
        await this.#show(followed);
        if (this.has(followed.thread)) onShown(followed.thread);
      }));
    }
  }

  /** Resolves when nothing is being stored any more, with what removes up to `max` rows. */
  async settle(max: number): Promise<Write[]> {
    const all = [...this.#followed.values()];
    await Promise.allSettled(all.map(({ stored }) => stored));
    return all.slice(0, max).map(({ thread }) => remove(followerKey(thread, this.#instanceId)));
  }

  async #show(followed: Followed): Promise<void> {
    const stored = followed.stored ??= this.#put(followed.thread);
    try {
      await stored;
    } catch (error) {
      if (followed.stored === stored) followed.stored = null;
      throw error;
    }
    followed.heardSinceMs = Math.min(followed.heardSinceMs, performance.now());
  }

  /** Counts as living first: whoever finds no other living instance looks for no followers. */
  async #put(thread: Incarnation): Promise<void> {
    await this.#instances.register();
    const write = put(followerKey(thread, this.#instanceId), true as const);
    await this.#store.commit({ checks: [], writes: [write], mayLinger: true });
  }

  async #hide({ thread, stored }: Followed): Promise<void> {
    // What is stored behind its removal would stay.
    await stored?.catch(() => {});
    if (this.has(thread)) return;
    const write = remove(followerKey(thread, this.#instanceId));
    await this.#store.commit({ checks: [], writes: [write], mayLinger: true });
    // Followed anew meanwhile: the removal may have come after.
    if (this.has(thread)) await this.#put(thread);
  }
}
