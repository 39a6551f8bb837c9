/**
 * Optimistic transactions: read, plan, commit under checks, and again where
 * another was faster. A commit of which nobody knows is resolved here.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { AppError } from "../errors.ts";
import { type Commit, isUnavailable, type Store, UnknownCommitError } from "./store.ts";
import { VanishedError } from "./vanished.ts";

/** What one reading of the store leads to: nothing to do, or a commit and what it means. */
export type Plan<R> =
  | { readonly done: R }
  | {
    readonly commit: Commit;
    readonly result: (version: string) => R;
    /** Planned on what may be outdated: that it does not hold tells of no rival. */
    readonly isGuess?: boolean;
  };

/** Tries in the face of other writers; each loses only to a commit that succeeded. */
const MAX_CONFLICTS = 30;

/** How long an unknown commit is looked for, milliseconds. */
const RESOLVE_BUDGET_MS = 10_000;

/**
 * Runs `plan` until its commit holds. The plan must recognise its own earlier
 * success (by an idempotency key or a fence) and then return `done`; every
 * commit must check a version that it changes, so that a repeated one and a
 * late one cannot both hold.
 *
 * @param subject What is being done, for the error message.
 * @param options.signal Ends the waits between two tries: nobody needs the outcome any more.
 * @throws {AppError} `STORE_UNAVAILABLE` where certainly nothing was written; whatever `plan` throws,
 * but for a {@linkcode VanishedError}, which counts as another writer's doing until the last try.
 * @throws {UnknownCommitError} where even the budget did not tell.
 * @throws {DOMException} the signal's reason, where it aborts while a try is waited for.
 */
export async function transact<R>(
  store: Store,
  subject: string,
  plan: () => Promise<Plan<R>>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<R> {
  const wait = (ms: number): Promise<void> => delay(ms, signal === undefined ? {} : { signal });
  let unknown: { readonly untilMs: number; readonly error: UnknownCommitError } | null = null;
  let vanished: VanishedError | null = null;
  let conflicts = 0;
  const lose = (): Promise<void> => wait(Math.random() * Math.min(2 ** ++conflicts, 50));
  while (conflicts < MAX_CONFLICTS) {
    try {
      const next = await plan();
      if ("done" in next) return next.done;
      const version = await store.commit(next.commit);
      if (version !== null) return next.result(version);
      if (next.isGuess) continue;
      vanished = null;
      await lose();
    } catch (error) {
      if (error instanceof VanishedError) {
        // What was planned on is gone, or another has moved it: the next reading finds that out.
        vanished = error;
        await lose();
        continue;
      }
      if (error instanceof UnknownCommitError) {
        unknown ??= { untilMs: Date.now() + RESOLVE_BUDGET_MS, error };
      } else if (unknown === null || !isUnavailable(error)) {
        throw error;
      }
      if (Date.now() >= unknown.untilMs) throw unknown.error;
      await wait(200 + Math.random() * 200);
    }
  }
  // The last conflict may have been with the unknown commit, applied late.
  if (unknown !== null) throw unknown.error;
  // What is missing after that long is missing for good.
  if (vanished !== null) throw vanished;
  throw new AppError("STORE_UNAVAILABLE", {
    retryAfterMs: 1_000,
    cause: new Error(`Cannot ${subject}: other writers were faster ${MAX_CONFLICTS} times`),
  });
}
