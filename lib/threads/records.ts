/**
 * What is stored: the entries that clients see and the records behind them.
 *
 * @module
 */

export type {
  AssistantEntry,
  Entry,
  MessagePart,
  Outcome,
  RunStartedEntry,
  UserEntry,
} from "../chat/protocol.ts";

/** A thread, named by its owner: no other subject can even address it. */
export interface ThreadRef {
  readonly subject: string;
  readonly threadId: string;
}

/** The head of a thread: everything that an append must agree on. */
export interface ThreadHead {
  /** Of this incarnation: a deleted and recreated thread has another, and shares no key with it. */
  readonly generation: string;
  readonly title: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Milliseconds since the epoch of the newest entry, or of the creation. */
  readonly updatedAtMs: number;
  /** `seq` of the newest entry, 0 where there is none. */
  readonly headSeq: number;
  /** The run that answers now. */
  readonly active: { readonly runId: string; readonly attempt: number } | null;
  /** Runs that wait behind it, first to run first. */
  readonly queue: readonly RunPlan[];
  /** The active run has been asked to end. */
  readonly cancelRequested: boolean;
  /** The newest user message, which `regenerate` answers again. */
  readonly lastUserMessageId: string | null;
}

/** Remembers a message id for as long as its thread lives: the idempotency key of an append. */
export interface MessageRecord {
  readonly seq: number;
  readonly runId: string;
}

/** A run as it was asked for. One that waits is nothing more, and stands in its thread's head. */
export interface RunPlan {
  readonly runId: string;
  readonly agent: string;
  /** Id and `seq` of the user message that it answers. */
  readonly replyTo: string;
  readonly replyToSeq: number;
}

/** One run that began, or ended. Its version is the fence: whoever moved it last is the only one who may write the run. */
export interface RunRecord extends RunPlan {
  readonly state:
    | { readonly kind: "running"; readonly attempt: number; readonly startedSeq: number }
    | {
      readonly kind: "ended";
      /** 0 where it never started. */
      readonly attempt: number;
      readonly entrySeq: number;
      /** Chunks of the last attempt. */
      readonly chunkCount: number;
    };
}

/** Who owns a thread's active run, and until when. */
export interface LeaseRecord {
  readonly subject: string;
  readonly threadId: string;
  readonly generation: string;
  readonly runId: string;
  readonly attempt: number;
  /** The instance that streams it; `null` where it was given up. */
  readonly owner: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** A deleted thread whose rows are still to be removed. */
export interface TrashRecord {
  readonly subject: string;
  readonly threadId: string;
  readonly generation: string;
}

/** A JSON value of any size: its UTF-8, or where its pieces are. */
export type Packed = Uint8Array | { readonly blobId: string; readonly pieces: number };

/** What an instance is to look at: a thread's incarnation. */
export type NoteRecord = TrashRecord;
