/**
 * What a followed thread shows, and what it asks through.
 *
 * @module
 */
import type { Entry } from "../chat/protocol.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { DrawbridgeError } from "./client_error.ts";
import type { Answer, Outgoing } from "./frames.ts";
import type { Run } from "./run.ts";

/** An entry of the log and its number. */
export interface NumberedEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** A message, the start of a run, or its answer. */
  readonly entry: Entry;
}

/** A thread as it was found. */
export interface OpenedThread {
  /** False where there is no such thread yet: its first message makes it. */
  readonly exists: boolean;
  /** The run that was active. */
  readonly activeRun: Run | null;
}

/** What a thread asks through. */
export interface ThreadLink {
  readonly ask: (frame: Outgoing, onAnswer?: (answer: Answer) => void) => Promise<Answer>;
  /** Told when messages may be sent. */
  readonly onOpen: (threadId: string) => void;
  /** Told when nothing can be sent or will come any more. */
  readonly onClosed: (threadId: string, error: DrawbridgeError) => void;
  readonly backoff: BackoffOptions;
}
