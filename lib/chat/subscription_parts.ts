/**
 * What a subscription reads from, sends to and begins with.
 *
 * @module
 */
import type { RunAttempt, Topic } from "./fan_out.ts";
import type { Entry, RunPosition } from "./protocol.ts";

/** Where the log is read from. */
export interface TopicReader {
  /**
   * Makes changes by other instances heard, as pokes, from the moment this resolves. Where it
   * rejects, that moment comes later, with a poke, unless `unfollow` comes first.
   */
  follow(topic: Topic): Promise<void>;
  /** Ends one `follow`. */
  unfollow(topic: Topic): void;
  /**
   * Some entries in order, from the one behind `afterSeq`; `more` where others follow.
   *
   * @throws {AppError} `NOT_FOUND` where the thread is removed meanwhile, `STORE_UNAVAILABLE`
   */
  entries(topic: Topic, afterSeq: number): Promise<{
    readonly entries: readonly { readonly seq: number; readonly entry: Entry }[];
    readonly more: boolean;
  }>;
  /**
   * Stored chunks of an attempt from `fromIndex` on, each JSON, without a gap.
   *
   * @throws {AppError} as {@linkcode entries}.
   */
  chunks(topic: Topic, run: RunAttempt, fromIndex: number): Promise<readonly string[]>;
}

/** Where frames go. */
export interface Outlet {
  /** Sends one frame. */
  send(frame: string): void;
  /** Resolves when the reader has taken enough to be sent more; rejects where it never will. */
  drained(): Promise<void>;
  /** Ends the whole socket for something that should not happen; nothing once it is closed. */
  fail(error: unknown): void;
}

/** Where a subscription begins. */
export interface SubscriptionStart {
  /** The last entry that was seen. */
  readonly afterSeq: number;
  /** The log's head: of runs that had ended by then, the answers are sent without chunks. */
  readonly headSeq: number;
  /** The active run whose start was seen already, and its next chunk's index. */
  readonly run: (RunAttempt & { readonly next: number }) | null;
  /** The last chunk that was seen, should its run's start come again. */
  readonly position?: RunPosition | undefined;
}
