/**
 * Tells the other followers of threads that these have changed: a note to each,
 * and its bell. Threads that change while others are told of are told of together.
 *
 * @module
 */
import type { Instances } from "./instances.ts";
import { bellKey, followerPrefix, type Incarnation, nameOf, noteKey } from "./keys.ts";
import { put, remove, type Store, type Stored, type Write } from "./store.ts";

/** What a note tells: the thread's log moved, or its run was given up for others. */
export type Ring = "moved" | "released";

/** What a {@linkcode Ringer} works with. */
export interface RingerParts {
  readonly store: Store;
  /** Whose changes it tells of. */
  readonly instanceId: string;
  readonly instances: Instances;
  /** Whether this instance follows the thread itself. */
  readonly isFollowed: (thread: Incarnation) => boolean;
}

/** Instances that one change is told to: far more than follow one subject's thread. */
const MAX_FOLLOWERS = 50;

/** Threads whose followers are read at once. */
const LOOKS_AT_ONCE = 64;

/** Writes of one commit: their keys stay below Deno KV's 80 KiB. */
const WRITES_PER_COMMIT = 50;

interface Rung {
  readonly thread: Incarnation;
  readonly ring: Ring;
}

/** What one telling writes, to be filled. */
interface Notes {
  readonly writes: Write[];
  /** Instances that are to look. */
  readonly bells: Set<string>;
  /** Followers that are to be removed. */
  readonly dead: Stored<true>[];
}

/** Rings on behalf of one instance. */
export class Ringer {
  readonly #parts: RingerParts;
  readonly #rung = new Map<string, Rung>();
  /** Followed threads whose followers have been looked at: of those, the dead are gone. */
  readonly #looked = new Set<string>();

  /** Rings through its parts, which stay their builder's. */
  constructor(parts: RingerParts) {
    this.#parts = parts;
  }

  /** Whether anything is to be told. */
  get isRung(): boolean {
    return this.#rung.size > 0;
  }

  /** Puts a change that is stored on the list of those to be told. */
  add(thread: Incarnation, ring: Ring): void {
    const name = nameOf(thread);
    const isReleased = ring === "released" || this.#rung.get(name)?.ring === "released";
    this.#rung.set(name, { thread, ring: isReleased ? "released" : "moved" });
  }

  /** Forgets a thread that is not followed any more. */
  forget(thread: Incarnation): void {
    this.#looked.delete(nameOf(thread));
  }

  /**
   * Tells of all that was put on the list so far; where that fails, it stays there. Whoever follows a
   * thread counts as living before, and reads the log after: where nobody else lives now, nobody else
   * has missed what was stored.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async tell(): Promise<void> {
    const rung = [...this.#rung.values()];
    this.#rung.clear();
    try {
      await this.#tellAll(rung);
    } catch (error) {
      // To be told once more than needed is harmless.
      for (const { thread, ring } of rung) this.add(thread, ring);
      throw error;
    }
  }

  async #tellAll(rung: readonly Rung[]): Promise<void> {
    const unseen = rung.filter(({ thread }) => !this.#looked.has(nameOf(thread)));
    const isAlone = unseen.length < rung.length && !(await this.#parts.instances.hasPeers());
    const toTell = isAlone ? unseen : rung;
    for (let from = 0; from < toTell.length; from += LOOKS_AT_ONCE) {
      await this.#tell(toTell.slice(from, from + LOOKS_AT_ONCE));
    }
  }

  async #tell(rung: readonly Rung[]): Promise<void> {
    const writes: Write[] = [];
    const bells = new Set<string>();
    const dead: Stored<true>[] = [];
    await Promise.all(rung.map((one) => this.#write(one, { writes, bells, dead })));
    // The bells are last: whoever hears one finds its notes.
    for (const instanceId of bells) writes.push(put(bellKey(instanceId), crypto.randomUUID()));
    for (let from = 0; from < writes.length; from += WRITES_PER_COMMIT) {
      const slice = writes.slice(from, from + WRITES_PER_COMMIT);
      await this.#parts.store.commit({ checks: [], writes: slice });
    }
    // One that has come back meanwhile, and follows anew, stays.
    for (const { key, version } of dead) {
      await this.#parts.store.commit({ checks: [{ key, version }], writes: [remove(key)] });
    }
  }

  /** A note to each other follower of a thread, but for those that died. */
  async #write({ thread, ring }: Rung, { writes, bells, dead }: Notes): Promise<void> {
    const { store, instanceId, instances, isFollowed } = this.#parts;
    const rows = await store.list({ prefix: followerPrefix(thread), limit: MAX_FOLLOWERS });
    for (const row of rows) {
      const follower = row.key.at(-1) as string;
      if (follower === instanceId) continue;
      if (await instances.isAlive(follower)) {
        writes.push(put(noteKey(follower, thread, ring), thread));
        bells.add(follower);
      } else dead.push(row);
    }
    if (isFollowed(thread)) this.#looked.add(nameOf(thread));
  }
}
