/**
 * One change to a thread as a transaction: on the head that is remembered where
 * that will do, on the stored one otherwise.
 *
 * @module
 */
import type { Heads, KnownHead } from "./heads.ts";
import type { ThreadRef } from "./records.ts";
import { isPassing, type Store } from "./store.ts";
import { ThreadEdit } from "./thread_edit.ts";
import { type Plan, transact } from "./transaction.ts";

/** What a change works with. */
export interface ThreadChange {
  readonly store: Store;
  readonly heads: Heads;
  readonly ref: ThreadRef;
  /** What is being done, for the error message. */
  readonly what: string;
  /**
   * The first try may plan on the head that is remembered: `plan` then reads nothing that
   * decides, and checks instead ({@linkcode ThreadEdit.isRecalled}).
   */
  readonly mayRecall?: boolean;
  /** Ends the waits between two tries. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `plan` until its commit holds, as {@linkcode transact} does. Of a plan on a remembered head
 * only the commit is believed, whose checks tell whether it was right: everything else that it may
 * come to, a refusal or that there is nothing to do, is asked again of the stored head.
 *
 * @throws {AppError} `STORE_UNAVAILABLE` where certainly nothing was written; whatever `plan` throws.
 * @throws {UnknownCommitError} where even the budget did not tell.
 */
export async function changeThread<R>(
  { store, heads, ref, what, mayRecall = false, signal }: ThreadChange,
  plan: (edit: ThreadEdit) => Promise<Plan<R>>,
): Promise<R> {
  let known = mayRecall ? heads.recall(ref) : undefined;

  const remembering = (next: Plan<R>, edit: ThreadEdit): Plan<R> => {
    if ("done" in next) return next;
    const result = (version: string): R => {
      heads.remember(ref, { head: edit.head, version });
      heads.tails.append(edit.thread, edit.sized);
      return next.result(version);
    };
    return { commit: next.commit, result, isGuess: edit.isRecalled };
  };
  const planOnStored = async (): Promise<Plan<R>> => {
    const edit = await ThreadEdit.open(store, ref);
    return remembering(await plan(edit), edit);
  };
  const planOnRecalled = async (head: KnownHead): Promise<Plan<R> | null> => {
    const edit = ThreadEdit.recall(store, ref, head);
    try {
      const next = await plan(edit);
      return "done" in next ? null : remembering(next, edit);
    } catch (error) {
      // Else the plan ended for what it found.
      if (isPassing(error)) throw error;
      return null;
    }
  };

  return await transact<R>(store, what, async () => {
    const head = known;
    // It has its one try: whatever comes of it, the next one knows better.
    known = undefined;
    return (head && await planOnRecalled(head)) ?? await planOnStored();
  }, { signal });
}
