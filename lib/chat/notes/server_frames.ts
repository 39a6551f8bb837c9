/**
 * What each frame of the server says. See `client_frames.ts`.
 *
 * @module
 */
import type { AssistantEntry, RunStartedEntry, UserEntry } from "../entries.ts";
import type { ServerFrame, ServerFrameType } from "../protocol.ts";
import type { FieldNotes } from "./client_frames.ts";

/** The server's frame of one type. */
export type ServerFrameOf<Type extends ServerFrameType> = Extract<ServerFrame, { type: Type }>;

/** What the server's frame of one type means. */
export interface ServerFrameNote<Type extends ServerFrameType> {
  /** When it comes, one sentence. */
  readonly summary: string;
  readonly fields: FieldNotes<Omit<ServerFrameOf<Type>, "type">>;
  readonly example: ServerFrameOf<Type>;
}

const REF = "`id` of the frame that this answers.";
const THREAD = "The thread.";
const RUN = {
  threadId: THREAD,
  runId: "The run that streams.",
  attempt: "Its attempt, from 1. Chunks of an earlier one are void.",
} as const;

const TIME = "2026-11-23T20:30:09.934Z";
const AT = { threadId: "first", runId: "r-ddb4fb9f", attempt: 1 } as const;

/** By `type`, in the order of the protocol document. */
export const SERVER_FRAME_NOTES: { readonly [Type in ServerFrameType]: ServerFrameNote<Type> } = {
  "session.ready": {
    summary: "The first frame of a socket that passed the gate: frames may be sent now.",
    fields: {
      sessionId: "Names the session in the server's log.",
      subject: "The token's `sub`.",
      expiresAt:
        "The token's `exp`; the socket closes with 4401 unless `auth.refresh` comes before.",
      waitedMs: "How long the gate held the client, from its arrival.",
      degraded: "Optional services that are lost, such as `model`.",
      limits: "What one socket may send: `frameBytes`, `messageBytes`, `framesPerSecond`.",
    },
    example: {
      type: "session.ready",
      sessionId: "d158fb06",
      subject: "ada",
      expiresAt: "2026-11-23T21:30:09.000Z",
      waitedMs: 2,
      degraded: [],
      limits: { frameBytes: 65_536, messageBytes: 32_768, framesPerSecond: 20 },
    },
  },
  "ack": {
    summary: "What was asked for is done; a message is stored for good.",
    fields: {
      ref: REF,
      threadId: "The thread of the message or the run.",
      seq: "The message's place in the log.",
      runId: "The run that answers.",
      duplicate: "The message was stored before: this is its first `ack` again.",
      expiresAt: "The new token's `exp`.",
    },
    example: {
      type: "ack",
      ref: "1",
      threadId: "first",
      seq: 1,
      runId: "r-ddb4fb9f",
      duplicate: false,
    },
  },
  "thread.opened": {
    summary: "The thread is open: entries behind the cursor follow, then chunks, then what is new.",
    fields: {
      ref: REF,
      threadId: THREAD,
      headSeq: "`seq` of the newest entry; 0 where there is none.",
      activeRun: "The run that answers now, `{runId, attempt}`, or null.",
      recovered: "False where the run position asked for is not known any more: drop that run's " +
        "chunks, those of its present attempt come from `index` 0.",
    },
    example: {
      type: "thread.opened",
      ref: "5",
      threadId: "first",
      headSeq: 2,
      activeRun: { runId: "r-ddb4fb9f", attempt: 1 },
      recovered: true,
    },
  },
  "entry": {
    summary: "One entry of an open thread's log, in `seq` order, without gap or repeat.",
    fields: {
      threadId: THREAD,
      seq: "The entry's place, from 1.",
      entry: "A user's message, the start of a run's attempt, or a run's answer.",
    },
    example: {
      type: "entry",
      threadId: "first",
      seq: 1,
      entry: {
        kind: "message",
        role: "user",
        id: "m1",
        parts: [{ type: "text", text: "/count 5" }],
        createdAt: TIME,
      },
    },
  },
  "chunk": {
    summary: "One part of the answer that streams, after its `run.started` and before its answer.",
    fields: {
      ...RUN,
      index: "Its place in the attempt, from 0, without gap or repeat.",
      chunk: "A part of the AI SDK's UI message stream.",
    },
    example: {
      type: "chunk",
      ...AT,
      index: 3,
      chunk: { type: "text-delta", id: "text-0", delta: "1" },
    },
  },
  "chunks": {
    summary: "Several chunks in a row, as good as one `chunk` each.",
    fields: { ...RUN, index: "The first one's place.", chunks: "The parts, in order." },
    example: {
      type: "chunks",
      ...AT,
      index: 1,
      chunks: [{ type: "start-step" }, { type: "text-start", id: "text-0" }],
    },
  },
  "pong": {
    summary: "The answer to `ping`.",
    fields: { ref: REF },
    example: { type: "pong", ref: "8" },
  },
  "error": {
    summary:
      "A frame was refused, and nothing of it is stored; without `ref`, often the reason of " +
      "the close that follows.",
    fields: {
      ref: "`id` of the refused frame, where it could be read.",
      code: "What a program decides by.",
      message: "One sentence for people.",
      retryable: "Whether the same may succeed later, unchanged.",
      retryAfterMs: "When to try again, where the server knows.",
    },
    example: {
      type: "error",
      ref: "2",
      code: "RUN_ACTIVE",
      message: "A run is active in this thread",
      retryable: true,
    },
  },
  "session.draining": {
    summary: "The instance shuts down, close 1012 follows: come back, and resume there.",
    fields: { reconnectAfterMs: "When, spread at random so that clients do not return as one." },
    example: { type: "session.draining", reconnectAfterMs: 877 },
  },
};

/** What the kinds of entries hold. */
export const ENTRY_NOTES: {
  readonly user: FieldNotes<UserEntry>;
  readonly "run.started": FieldNotes<RunStartedEntry>;
  readonly assistant: FieldNotes<AssistantEntry>;
} = {
  user: {
    kind: "`message`.",
    role: "`user`.",
    id: "The message's id, chosen by its sender.",
    parts: "Parts of the AI SDK's UI message: one `text`.",
    createdAt: "When it was stored.",
  },
  "run.started": {
    kind: "`run.started`.",
    runId: "The run.",
    attempt: "From 1; a run that is taken over begins its next attempt.",
    agent: "Who answers.",
    replyTo: "`id` of the user's message.",
  },
  assistant: {
    kind: "`message`.",
    role: "`assistant`.",
    id: "The answer's id.",
    runId: "The run that it ends: exactly one for each.",
    attempt:
      "The attempt that it holds the text of; 0 where the run was cancelled while it waited.",
    agent: "Who answered.",
    parts: "Parts of the AI SDK's UI message: text, reasoning, tool calls.",
    outcome: "`completed`, `failed`, `cancelled` or `interrupted`.",
    error: "`code` and `message`, where it failed.",
    createdAt: "When it was stored.",
  },
};
