/**
 * What each frame of a client is for, said once: the AsyncAPI document, the page
 * at `/docs` and PROTOCOL.md say it from here. Loaded by these alone.
 *
 * @module
 */
import type { ErrorCode } from "../../errors.ts";
import type { ClientFrameOf, ClientFrameType } from "../protocol.ts";

/** A sentence on each field. The types see to it that none is missing, and none invented. */
export type FieldNotes<Fields> = { readonly [Name in keyof Fields]-?: string };

/** What a client's frame of one type means. */
export interface ClientFrameNote<Type extends ClientFrameType> {
  /** What it asks for, one sentence. */
  readonly summary: string;
  readonly fields: FieldNotes<Omit<ClientFrameOf<Type>, "type">>;
  /** The server's frame that says yes, and its fields beside `ref`. */
  readonly answer: "ack" | "pong" | "thread.opened";
  readonly answerFields: readonly AnswerField[];
  /** The codes of an `error` that answers it instead. */
  readonly errors: readonly ErrorCode[];
  readonly example: ClientFrameOf<Type>;
}

/** A field of an `ack` that only some requests get. */
export type AnswerField = "threadId" | "seq" | "runId" | "duplicate" | "expiresAt";

const ID = "Names this frame in its answer's `ref`.";
const THREAD = "One of the caller's threads.";
const ON_BUSY =
  "Where a run is active: `queue` (default) runs after it, `reject` stores nothing, " +
  "`interrupt` ends it and all that wait.";

/** Codes that any frame may be answered with. */
const ANY: readonly ErrorCode[] = ["INVALID_REQUEST"];
/** Codes of what asks the store. */
const STORED: readonly ErrorCode[] = [...ANY, "STORE_UNAVAILABLE"];

/** By `type`, in the order of the protocol document. */
export const CLIENT_FRAME_NOTES: { readonly [Type in ClientFrameType]: ClientFrameNote<Type> } = {
  "message.send": {
    summary:
      "Stores a message and starts or queues the run that answers it. An unknown thread is " +
      "created, and the thread is open on this socket from then on.",
    fields: {
      id: ID,
      threadId: "A thread of the caller's, or a new one under this id.",
      message:
        "`id`: the message's own, unique in its thread, by which it is stored once however " +
        "often it is sent; `text`: not blank.",
      agent: "Who answers; the server's default where left out.",
      onBusy: ON_BUSY,
    },
    answer: "ack",
    answerFields: ["threadId", "seq", "runId", "duplicate"],
    errors: [
      ...STORED,
      "MESSAGE_TOO_LARGE",
      "IDEMPOTENCY_CONFLICT",
      "RUN_ACTIVE",
      "TOO_MANY_RUNS",
    ],
    example: {
      type: "message.send",
      id: "1",
      threadId: "first",
      message: { id: "m1", text: "/count 5" },
      onBusy: "queue",
    },
  },
  "message.regenerate": {
    summary: "Starts or queues a new run for the thread's last user message, whose older answer " +
      "the model no longer sees.",
    fields: { id: ID, threadId: THREAD, onBusy: ON_BUSY },
    answer: "ack",
    answerFields: ["threadId", "runId"],
    errors: [...STORED, "NOT_FOUND", "RUN_ACTIVE", "TOO_MANY_RUNS"],
    example: { type: "message.regenerate", id: "4", threadId: "first" },
  },
  "thread.open": {
    summary: "Follows a thread: what is missing comes first, then what is new. Opening it again " +
      "starts over from the new cursor.",
    fields: {
      id: ID,
      threadId: THREAD,
      afterSeq: "`seq` of the last entry seen; 0, which is all of them, where left out.",
      run: "The last chunk seen: `runId`, `attempt`, `index`. Left out where none was.",
    },
    answer: "thread.opened",
    answerFields: [],
    errors: [...STORED, "NOT_FOUND"],
    example: {
      type: "thread.open",
      id: "5",
      threadId: "first",
      afterSeq: 2,
      run: { runId: "r-ddb4fb9f", attempt: 1, index: 4 },
    },
  },
  "thread.close": {
    summary: "Follows a thread no longer. Its runs go on.",
    fields: { id: ID, threadId: "A thread; one that is not open is closed as well." },
    answer: "ack",
    answerFields: [],
    errors: ANY,
    example: { type: "thread.close", id: "6", threadId: "first" },
  },
  "run.cancel": {
    summary: "Ends a run and keeps its answer so far. One that has ended stays as it is.",
    fields: { id: ID, threadId: THREAD, runId: "A run of that thread, active or waiting." },
    answer: "ack",
    answerFields: [],
    errors: [...STORED, "NOT_FOUND"],
    example: { type: "run.cancel", id: "3", threadId: "first", runId: "r-ddb4fb9f" },
  },
  "auth.refresh": {
    summary: "Replaces the socket's token. One that is refused leaves the old in force.",
    fields: { id: ID, token: "A JWT with the same `sub`." },
    answer: "ack",
    answerFields: ["expiresAt"],
    errors: [...ANY, "UNAUTHENTICATED", "AUTH_UNAVAILABLE"],
    example: { type: "auth.refresh", id: "7", token: "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl" },
  },
  "ping": {
    summary: "A sign of life, answered before frames that wait to be handled.",
    fields: { id: ID },
    answer: "pong",
    answerFields: [],
    errors: [],
    example: { type: "ping", id: "8" },
  },
};
