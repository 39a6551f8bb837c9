/**
 * Waits for the leases of runs that stream elsewhere, and takes a run over when
 * its lease has run out.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { threadNameOf } from "../threads/keys.ts";
import type { ThreadRef } from "../threads/records.ts";
import { isPassing } from "../threads/store.ts";

/** Wait before a store that failed is asked again, milliseconds. */
const STORE_RETRY_MS = 1_000;

/** Longest wait between two looks at a lease that its owner keeps renewing, milliseconds. */
const LOOK_MS = 3_000;

/** Time between two looks for runs that nobody owns, milliseconds; spread, so that instances take turns. */
const LOOK_AROUND_MS = { least: 15_000, spread: 15_000 } as const;

/** Watches threads, each at most once at a time. */
export class TakeoverWatch {
  /** What ends a thread's wait early, by the thread's name. */
  readonly #watched = new Map<string, () => void>();
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  readonly #tryOnce: (ref: ThreadRef, signal: AbortSignal) => Promise<number | null>;
  readonly #onFault: (error: unknown) => void;

  /**
   * Watches through `tryOnce`, which takes a run over if it can and returns when
   * to try again, in milliseconds since the epoch, or null where that is over. Its signal
   * says that nobody watches any more.
   */
  constructor(parts: {
    tryOnce: (ref: ThreadRef, signal: AbortSignal) => Promise<number | null>;
    onFault: (error: unknown) => void;
  }) {
    this.#tryOnce = parts.tryOnce;
    this.#onFault = parts.onFault;
  }

  /** Begins to watch a thread, unless it is watched already. */
  watch({ subject, threadId }: ThreadRef): void {
    const name = threadNameOf({ subject, threadId });
    if (this.#watched.has(name) || this.#stop.signal.aborted) return;
    this.#watched.set(name, () => {});
    this.#task(this.#loop({ subject, threadId }).finally(() => this.#watched.delete(name)));
  }

  /** Begins to watch a thread, or looks at once where it is watched already. */
  wake(ref: ThreadRef): void {
    this.#watched.get(threadNameOf(ref))?.();
    this.watch(ref);
  }

  /** Looks for threads to watch again and again, through `find`. */
  keepLooking(find: () => Promise<readonly ThreadRef[]>): void {
    const { signal } = this.#stop;
    const look = async (): Promise<void> => {
      while (!signal.aborted) {
        const waitMs = LOOK_AROUND_MS.least + Math.random() * LOOK_AROUND_MS.spread;
        await delay(waitMs, { signal });
        try {
          for (const ref of await find()) this.watch(ref);
        } catch (error) {
          if (!isPassing(error)) throw error;
        }
      }
    };
    this.#task(look());
  }

  /** Ends every watch. Resolves when no look is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#tasks);
  }

  #task(work: Promise<void>): void {
    const task = work.catch((error) => {
      if (!this.#stop.signal.aborted) this.#onFault(error);
    });
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  async #loop(ref: ThreadRef): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let waitMs = STORE_RETRY_MS;
      try {
        const againAtMs = await this.#tryOnce(ref, signal);
        if (againAtMs === null) return;
        // A little late on purpose: instances that wait for one lease do not come as one.
        waitMs = Math.min(Math.max(againAtMs - Date.now(), 0), LOOK_MS) + Math.random() * 500;
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      const woken = new AbortController();
      this.#watched.set(threadNameOf(ref), () => woken.abort());
      await delay(waitMs, { signal: AbortSignal.any([signal, woken.signal]) }).catch((error) => {
        if (!woken.signal.aborted) throw error;
      });
    }
  }
}
