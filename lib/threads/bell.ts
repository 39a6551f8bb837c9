/**
 * How instances that share a database hear of each other's changes. Whoever
 * follows a thread says so in the store; whoever changes one writes a note to
 * each follower and rings its bell, a single key that each instance watches,
 * however many threads are open. A note only says "look": the log says what.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { HEARTBEAT_MS, Instances } from "./instances.ts";
import { bellKey, followerKey, type Incarnation, instanceKey, nameOf, notePrefix } from "./keys.ts";
import type { NoteRecord } from "./records.ts";
import { type Ring, Ringer } from "./ringer.ts";
import { put, remove, type Store, type Write } from "./store.ts";

export type { Ring } from "./ringer.ts";

/** What a {@linkcode Bell} tells. */
export interface BellEvents {
  /** Another instance changed a thread. */
  readonly onRing: (thread: Incarnation, ring: Ring) => void;
  /** Something failed that should not. A store that is lost is no fault here. */
  readonly onFault: (error: unknown) => void;
}

/** Time between two looks at the notes besides the bell, should a watch have broken, milliseconds. */
const LOOK_MS = 2_000;

/** Rest behind changes that were told of, milliseconds: those that come meanwhile are told together. */
const RING_GAP_MS = 20;

/** Notes taken at once. */
const MAX_NOTES = 500;

/** A thread that sockets or a run of this instance follow. */
interface Followed {
  readonly thread: Incarnation;
  count: number;
  /** Settles when other instances can see it. */
  stored: Promise<unknown> | null;
  /** When that was, on the monotonic clock. */
  heardSinceMs: number;
}

/** Follows threads and tells of changes, on behalf of one instance. */
export class Bell {
  readonly #store: Store;
  readonly #instanceId: string;
  readonly #instances: Instances;
  readonly #followed = new Map<string, Followed>();
  readonly #ringer: Ringer;
  #isTelling = false;
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #events: BellEvents | null = null;

  /** Works through `store`, which stays its opener's. Silent until {@linkcode start}. */
  constructor(store: Store, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
    const instances = this.#instances = new Instances(store, instanceId);
    const isFollowed = (thread: Incarnation): boolean => this.#isFollowed(thread);
    this.#ringer = new Ringer({ store, instanceId, instances, isFollowed });
  }

  /** Gives signs of life and listens. */
  start(events: BellEvents): void {
    this.#events = events;
    this.#task(this.#beat());
    this.#task(this.#listen());
    this.#task(this.#lookAround());
  }

  /**
   * Makes changes to a thread heard from the moment this resolves; whoever reads
   * the log after that misses nothing. Counted: as many {@linkcode unfollow} end it.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell: following again is harmless.
   */
  async follow(thread: Incarnation): Promise<void> {
    const name = nameOf(thread);
    const followed = this.#followed.get(name) ?? {
      thread,
      count: 0,
      stored: null,
      heardSinceMs: Infinity,
    };
    followed.count++;
    this.#followed.set(name, followed);
    const stored = followed.stored ??= this.#storeFollower(thread);
    try {
      await stored;
    } catch (error) {
      if (followed.stored === stored) followed.stored = null;
      throw error;
    }
    followed.heardSinceMs = Math.min(followed.heardSinceMs, performance.now());
  }

  /** Whether other instances' changes to a thread have been heard for so many milliseconds. */
  hasHeardFor(thread: Incarnation, ms: number): boolean {
    const sinceMs = this.#followed.get(nameOf(thread))?.heardSinceMs ?? Infinity;
    return sinceMs + ms <= performance.now();
  }

  /** Ends one {@linkcode follow}. */
  unfollow(thread: Incarnation): void {
    const name = nameOf(thread);
    const followed = this.#followed.get(name);
    if (followed === undefined || --followed.count > 0) return;
    this.#followed.delete(name);
    this.#ringer.forget(thread);
    if (!this.#stop.signal.aborted) this.#task(this.#forget(followed));
  }

  /** Tells the other followers of a change that is stored already. Changes in a row are told as one. */
  ring(thread: Incarnation, ring: Ring = "moved"): void {
    this.#ringer.add(thread, ring);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#task(this.#tellUntilQuiet());
  }

  /** Follows nothing any more and is silent. Resolves when what was under way is over. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    const writes: Write[] = [...this.#followed.values()].slice(0, 900)
      .map(({ thread }) => remove(followerKey(thread, this.#instanceId)));
    writes.push(remove(instanceKey(this.#instanceId)), remove(bellKey(this.#instanceId)));
    await Promise.allSettled([...this.#followed.values()].map(({ stored }) => stored));
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await this.#quietly(() => this.#store.commit({ checks: [], writes }));
  }

  async #tellUntilQuiet(): Promise<void> {
    while (this.#ringer.isRung) {
      await this.#quietly(() => this.#ringer.tell());
      await this.#pause(RING_GAP_MS);
    }
    this.#isTelling = false;
  }

  /** Counts as living first: whoever finds no other living instance looks for no followers. */
  async #storeFollower(thread: Incarnation): Promise<void> {
    await this.#instances.register();
    const write = put(followerKey(thread, this.#instanceId), true as const);
    await this.#store.commit({ checks: [], writes: [write], mayLinger: true });
  }

  async #beat(): Promise<void> {
    await this.#quietly(() => this.#instances.register());
    while (!this.#stop.signal.aborted) {
      await this.#pause(HEARTBEAT_MS);
      if (!this.#stop.signal.aborted) await this.#quietly(() => this.#instances.giveSign());
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#quietly(async () => {
        for await (const _ of this.#store.watch(bellKey(this.#instanceId), signal)) {
          await this.#takeNotes();
        }
      });
      await this.#pause(LOOK_MS);
    }
  }

  async #lookAround(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#pause(LOOK_MS);
      await this.#quietly(() => this.#takeNotes());
    }
  }

  async #takeNotes(): Promise<void> {
    const prefix = notePrefix(this.#instanceId);
    const rows = await this.#store.list<NoteRecord>({ prefix, limit: MAX_NOTES });
    if (rows.length === 0) return;
    // Removed before they are acted on: a newer note of the same name is covered by the look itself.
    await this.#store.commit({ checks: [], writes: rows.map(({ key }) => remove(key)) });
    for (const { key, value } of rows) this.#events?.onRing(value!, key.at(-1) as Ring);
  }

  async #forget({ thread, stored }: Followed): Promise<void> {
    // What is stored behind its removal would stay.
    await stored?.catch(() => {});
    if (this.#isFollowed(thread)) return;
    await this.#quietly(async () => {
      const write = remove(followerKey(thread, this.#instanceId));
      await this.#store.commit({ checks: [], writes: [write], mayLinger: true });
      // Followed anew meanwhile: the removal may have come after.
      if (this.#isFollowed(thread)) await this.#storeFollower(thread);
    });
  }

  #isFollowed(thread: Incarnation): boolean {
    return this.#followed.has(nameOf(thread));
  }

  /** A store that is lost comes back, and the next look finds what was missed. */
  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#stop.signal.aborted && this.#store.available) this.#events?.onFault(error);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, { signal: this.#stop.signal }).catch(() => {});
  }

  #task(work: Promise<void>): void {
    this.#tasks.add(work);
    void work.finally(() => this.#tasks.delete(work));
  }
}
