/**
 * How instances that share a database hear of each other's changes. Whoever
 * follows a thread says so in the store; whoever changes one writes a note to
 * each follower and rings its bell, a single key that each instance watches,
 * however many threads are open. A note only says "look": the log says what.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { FollowedThreads } from "./followed.ts";
import { DEAD_AFTER_MS, HEARTBEAT_MS, Instances } from "./instances.ts";
import { bellKey, type Incarnation, instanceKey, notePrefix } from "./keys.ts";
import type { NoteRecord } from "./records.ts";
import { type Ring, Ringer } from "./ringer.ts";
import { remove, type Store } from "./store.ts";

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

/** Rows that are removed at the end: what fits one commit. Whoever looks next removes the rest. */
const MAX_REMOVALS = 900;

/** Silence after which others may have taken this instance for dead, milliseconds: half of what they wait. */
const MISSED_AFTER_MS = DEAD_AFTER_MS / 2;

/** Follows threads and tells of changes, on behalf of one instance. */
export class Bell {
  readonly #store: Store;
  readonly #instanceId: string;
  readonly #instances: Instances;
  readonly #followed: FollowedThreads;
  readonly #ringer: Ringer;
  #isTelling = false;
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<unknown>>();
  #events: BellEvents | null = null;

  /** Works through `store`, which stays its opener's. Silent until {@linkcode start}. */
  constructor(store: Store, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
    const instances = this.#instances = new Instances(store, instanceId);
    const followed = this.#followed = new FollowedThreads({ store, instanceId, instances });
    const isFollowed = (thread: Incarnation): boolean => followed.has(thread);
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
   * the log after that misses nothing. Counted: as many {@linkcode unfollow} end it. Where it fails
   * it counts all the same: it is tried again, and what was missed until then is told as a ring.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  follow(thread: Incarnation): Promise<void> {
    return this.#followed.add(thread);
  }

  /** Whether other instances' changes to a thread have been heard for so many milliseconds. */
  hasHeardFor(thread: Incarnation, ms: number): boolean {
    return this.#followed.isShownFor(thread, ms);
  }

  /** Ends one {@linkcode follow}. */
  unfollow(thread: Incarnation): void {
    const hide = this.#followed.remove(thread);
    if (hide === null) return;
    this.#ringer.forget(thread);
    if (!this.#stop.signal.aborted) this.#task(this.#quietly(hide));
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
    const writes = await this.#followed.settle(MAX_REMOVALS);
    writes.push(remove(instanceKey(this.#instanceId)), remove(bellKey(this.#instanceId)));
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await this.#quietly(() => this.#store.commit({ checks: [], writes }));
  }

  async #tellUntilQuiet(): Promise<void> {
    while (this.#ringer.isRung) {
      const isTold = await this.#quietly(() => this.#ringer.tell());
      if (!isTold && this.#stop.signal.aborted) break;
      await this.#pause(isTold ? RING_GAP_MS : LOOK_MS);
    }
    this.#isTelling = false;
  }

  async #beat(): Promise<void> {
    await this.#quietly(() => this.#instances.register());
    let signMs = Date.now();
    while (!this.#stop.signal.aborted) {
      await this.#pause(HEARTBEAT_MS);
      if (this.#stop.signal.aborted) return;
      if (!await this.#quietly(() => this.#instances.giveSign())) continue;
      const silentMs = Date.now() - signMs;
      signMs = Date.now();
      if (silentMs < MISSED_AFTER_MS) continue;
      // Taken for dead, it was removed from those who follow.
      this.#followed.distrust();
      await this.#followAgain();
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
      if (!this.#stop.signal.aborted) await this.#followAgain();
    }
  }

  async #takeNotes(): Promise<void> {
    const prefix = notePrefix(this.#instanceId);
    const rows = await this.#store.list<NoteRecord>({ prefix, limit: MAX_NOTES });
    if (rows.length === 0) return;
    try {
      // Removed before they are acted on: a newer note of the same name is covered by the look itself.
      await this.#store.commit({ checks: [], writes: rows.map(({ key }) => remove(key)) });
    } finally {
      // Where nobody can tell whether they are gone, too.
      for (const { key, value } of rows) this.#events?.onRing(value!, key.at(-1) as Ring);
    }
  }

  async #followAgain(): Promise<void> {
    await this.#quietly(() =>
      this.#followed.showAgain((thread) => this.#events?.onRing(thread, "moved"))
    );
  }

  /** A store that is lost comes back, and the next look finds what was missed. False where `work` failed. */
  async #quietly(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!this.#stop.signal.aborted && this.#store.available) this.#events?.onFault(error);
      return false;
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, { signal: this.#stop.signal }).catch(() => {});
  }

  #task(work: Promise<unknown>): void {
    this.#tasks.add(work);
    void work.finally(() => this.#tasks.delete(work));
  }
}
