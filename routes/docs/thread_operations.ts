/**
 * The operations under `/api/threads`.
 *
 * @module
 */
import {
  acceptedMessageSchema,
  cancelledRunSchema,
  entryListSchema,
  type Thread,
  threadListSchema,
  threadSchema,
} from "../../lib/http/threads.ts";
import {
  entryPageSchema,
  newMessageSchema,
  newThreadSchema,
  renameSchema,
  threadPageSchema,
} from "../threads.ts";
import { annotate } from "./json_schema.ts";
import { answer, type Operation } from "./operation.ts";

const THREAD: Thread = {
  id: "first",
  title: "Numbers",
  createdAt: "2026-11-23T20:30:09.934Z",
  updatedAt: "2026-11-23T20:30:10.496Z",
  headSeq: 3,
  activeRun: null,
};

const COMMON = { group: "Threads", access: "token" } as const;

/** In the order of their paths. */
export const THREAD_OPERATIONS: readonly Operation[] = [
  {
    ...COMMON,
    method: "get",
    path: "/api/threads",
    id: "listThreads",
    summary: "List the caller's threads",
    query: annotate(threadPageSchema, {
      limit: "Threads a page.",
      cursor: "`nextCursor` of the page before.",
    }),
    answers: [answer(200, threadListSchema, {
      description: "One page, newest activity first",
      example: { threads: [THREAD], nextCursor: null },
    })],
    errors: [],
  },
  {
    ...COMMON,
    method: "post",
    path: "/api/threads",
    id: "createThread",
    summary: "Create a thread",
    body: annotate(newThreadSchema, {
      id: "The server makes one where it is left out.",
      title: "White space around it is taken off.",
    }),
    bodyExample: { id: "first", title: "Numbers" },
    answers: [
      answer(201, threadSchema, { description: "Created", example: { ...THREAD, headSeq: 0 } }),
      answer(200, threadSchema, {
        description: "The caller had a thread of this id, which is unchanged",
        example: THREAD,
      }),
    ],
    errors: [],
  },
  {
    ...COMMON,
    method: "get",
    path: "/api/threads/{threadId}",
    id: "getThread",
    summary: "Read a thread",
    answers: [answer(200, threadSchema, { description: "The thread", example: THREAD })],
    errors: ["NOT_FOUND"],
  },
  {
    ...COMMON,
    method: "patch",
    path: "/api/threads/{threadId}",
    id: "renameThread",
    summary: "Rename a thread",
    description: "Its place in the list stays: a title is no activity.",
    body: annotate(renameSchema, { title: "Null takes the title off." }),
    bodyExample: { title: "Numbers" },
    answers: [answer(200, threadSchema, { description: "The thread", example: THREAD })],
    errors: ["NOT_FOUND"],
  },
  {
    ...COMMON,
    method: "delete",
    path: "/api/threads/{threadId}",
    id: "deleteThread",
    summary: "Delete a thread",
    description: "Its runs end, all of it is removed, and the id can be used anew, from `seq` 1.",
    answers: [{ status: 204, description: "Deleted" }],
    errors: ["NOT_FOUND"],
  },
  {
    ...COMMON,
    method: "get",
    path: "/api/threads/{threadId}/entries",
    id: "listEntries",
    summary: "Read a thread's log",
    query: annotate(entryPageSchema, {
      afterSeq: "`seq` of the last entry that is known.",
      limit: "Entries a page.",
    }),
    answers: [answer(200, entryListSchema, {
      description: "Entries in order",
      example: {
        entries: [{
          seq: 2,
          entry: {
            kind: "run.started",
            runId: "r-ddb4fb9f",
            attempt: 1,
            agent: "default",
            replyTo: "m1",
          },
        }],
        headSeq: 2,
      },
    })],
    errors: ["NOT_FOUND"],
  },
  {
    ...COMMON,
    method: "post",
    path: "/api/threads/{threadId}/messages",
    id: "sendMessage",
    summary: "Send a message",
    description: "Answered once it is stored for good; the answer streams on a socket or over " +
      "`/api/chat/{threadId}/stream`. Without an answer, send the same again: the message's `id` " +
      "makes it happen once.",
    body: annotate(newMessageSchema, {
      id: "The message's own, unique in its thread.",
      text: "Not blank.",
      agent: "Who answers; the server's default where left out.",
      onBusy: "Where a run is active: `queue` (default), `reject` or `interrupt`.",
    }),
    bodyExample: { id: "m1", text: "/count 5" },
    answers: [answer(202, acceptedMessageSchema, {
      description: "Stored",
      example: { threadId: "first", seq: 1, runId: "r-ddb4fb9f", duplicate: false },
    })],
    errors: ["IDEMPOTENCY_CONFLICT", "RUN_ACTIVE", "TOO_MANY_RUNS"],
  },
  {
    ...COMMON,
    method: "post",
    path: "/api/threads/{threadId}/runs/{runId}/cancel",
    id: "cancelRun",
    summary: "Cancel a run",
    description: "The answer so far is kept. A run that has ended stays as it is.",
    answers: [answer(202, cancelledRunSchema, {
      description: "It ends soon",
      example: { runId: "r-ddb4fb9f" },
    })],
    errors: ["NOT_FOUND"],
  },
];
