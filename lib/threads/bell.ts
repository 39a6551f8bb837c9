/**
 * How instances that share a database hear of each other's changes. Whoever
 * follows a thread says so in the store; whoever changes one writes a note to
 * each follower and rings its bell, a single key that each instance watches,
 * however many threads are open. A note only says "look": the log says what.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import {
  bellKey,
  followerKey,
  followerPrefix,
  type Incarnation,
  instanceKey,
  noteKey,
  notePrefix,
} from "./keys.ts";
import type { NoteRecord } from "./records.ts";
import { put, remove, type Store, type Write } from "./store.ts";

/** What a note tells: the thread's log moved, or its run was given up for others. */
export type Ring = "moved" | "released";

/** What a {@linkcode Bell} tells. */
export interface BellEvents {
  /** Another instance changed a thread. */
  readonly onRing: (thread: Incarnation, ring: Ring) => void;
  /** Something failed that should not. A store that is lost is no fault here. */
  readonly onFault: (error: unknown) => void;
}

/** Time between two signs of life, milliseconds. */
const HEARTBEAT_MS = 10_000;

/** Silence after which an instance counts as dead, milliseconds. */
const DEAD_AFTER_MS = 60_000;

/** Time between two looks at the notes besides the bell, should a watch have broken, milliseconds. */
const LOOK_MS = 2_000;

/** Notes taken at once. */
const MAX_NOTES = 500;

/** Instances that one change is told to: far more than follow one subject's thread. */
const MAX_FOLLOWERS = 50;

/** Follows threads and tells of changes, on behalf of one instance. */
export class Bell {
  readonly #store: Store;
  readonly #instanceId: string;
  readonly #followed = new Map<string, { readonly thread: Incarnation; count: number }>();
  readonly #ringing = new Map<string, { again: Ring | null }>();
  readonly #living = new Map<string, { readonly alive: boolean; readonly untilMs: number }>();
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #events: BellEvents | null = null;

  /** Works through `store`, which stays its opener's. Silent until {@linkcode start}. */
  constructor(store: Store, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
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
    const followed = this.#followed.get(name) ?? { thread, count: 0 };
    followed.count++;
    this.#followed.set(name, followed);
    const write = put(followerKey(thread, this.#instanceId), true as const);
    await this.#store.commit({ checks: [], writes: [write] });
  }

  /** Ends one {@linkcode follow}. */
  unfollow(thread: Incarnation): void {
    const name = nameOf(thread);
    const followed = this.#followed.get(name);
    if (followed === undefined || --followed.count > 0) return;
    this.#followed.delete(name);
    if (!this.#stop.signal.aborted) this.#task(this.#forget(thread));
  }

  /** Tells the other followers of a change that is stored already. Changes in a row are told as one. */
  ring(thread: Incarnation, ring: Ring = "moved"): void {
    const name = nameOf(thread);
    const ringing = this.#ringing.get(name);
    if (ringing !== undefined) {
      if (ringing.again !== "released") ringing.again = ring;
      return;
    }
    this.#ringing.set(name, { again: null });
    this.#task(this.#ringUntilQuiet(thread, ring).finally(() => this.#ringing.delete(name)));
  }

  /** Follows nothing any more and is silent. Resolves when what was under way is over. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    const writes: Write[] = [...this.#followed.values()].slice(0, 900)
      .map(({ thread }) => remove(followerKey(thread, this.#instanceId)));
    writes.push(remove(instanceKey(this.#instanceId)), remove(bellKey(this.#instanceId)));
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await this.#quietly(() => this.#store.commit({ checks: [], writes }));
  }

  async #ringUntilQuiet(thread: Incarnation, first: Ring): Promise<void> {
    const ringing = this.#ringing.get(nameOf(thread))!;
    for (let ring: Ring | null = first; ring !== null;) {
      ringing.again = null;
      await this.#tell(thread, ring);
      ring = ringing.again;
    }
  }

  async #tell(thread: Incarnation, ring: Ring): Promise<void> {
    await this.#quietly(async () => {
      const prefix = followerPrefix(thread);
      const rows = await this.#store.list({ prefix, limit: MAX_FOLLOWERS });
      const others = rows.map(({ key }) => key.at(-1) as string)
        .filter((instanceId) => instanceId !== this.#instanceId);
      const writes: Write[] = [];
      for (const instanceId of others) {
        if (await this.#isAlive(instanceId)) {
          writes.push(put(noteKey(instanceId, thread, ring), thread));
          writes.push(put(bellKey(instanceId), crypto.randomUUID()));
        } else writes.push(remove(followerKey(thread, instanceId)));
      }
      if (writes.length > 0) await this.#store.commit({ checks: [], writes });
    });
  }

  async #isAlive(instanceId: string): Promise<boolean> {
    const known = this.#living.get(instanceId);
    if (known !== undefined && known.untilMs > Date.now()) return known.alive;
    const { value } = await this.#store.get(instanceKey(instanceId));
    const alive = value !== null && value + DEAD_AFTER_MS > Date.now();
    this.#living.set(instanceId, { alive, untilMs: Date.now() + HEARTBEAT_MS });
    return alive;
  }

  async #beat(): Promise<void> {
    const options = { expireInMs: DEAD_AFTER_MS };
    while (!this.#stop.signal.aborted) {
      await this.#quietly(() => {
        const sign = put(instanceKey(this.#instanceId), Date.now(), options);
        return this.#store.commit({ checks: [], writes: [sign] });
      });
      await this.#pause(HEARTBEAT_MS);
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

  async #forget(thread: Incarnation): Promise<void> {
    await this.#quietly(async () => {
      const write = remove(followerKey(thread, this.#instanceId));
      await this.#store.commit({ checks: [], writes: [write] });
      // Followed anew meanwhile: the removal may have come after.
      if (this.#followed.has(nameOf(thread))) {
        const again = put(followerKey(thread, this.#instanceId), true as const);
        await this.#store.commit({ checks: [], writes: [again] });
      }
    });
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

function nameOf({ subject, threadId, generation }: Incarnation): string {
  return `${threadId} ${generation} ${subject}`;
}
