/**
 * The operations of the AI SDK and the WebSocket handshake.
 *
 * @module
 */
import { SUBPROTOCOL } from "../../lib/chat/protocol.ts";
import { cancelledRunSchema } from "../../lib/http/threads.ts";
import { chatRequestSchema } from "../ai.ts";
import { SHARED_SCHEMAS } from "./entry_schemas.ts";
import { annotate } from "./json_schema.ts";
import { type Answer, answer, MEDIA, type Operation } from "./operation.ts";

const STREAM: Omit<Answer, "description"> = {
  status: 200,
  media: MEDIA.events,
  schema: SHARED_SCHEMAS.UiMessageChunk,
  headers: ["Cache-Control", "X-Vercel-AI-UI-Message-Stream"],
  example: [
    'data: {"type":"start","messageId":"a-r-ddb4fb9f","messageMetadata":{"runId":"r-ddb4fb9f"}}',
    'data: {"type":"start-step"}',
    'data: {"type":"text-start","id":"text-0"}',
    'data: {"type":"text-delta","id":"text-0","delta":"1"}',
    'data: {"type":"text-end","id":"text-0"}',
    'data: {"type":"finish-step"}',
    'data: {"type":"finish","finishReason":"stop"}',
    "data: [DONE]",
    "",
  ].join("\n\n"),
};

const COMMON = { group: "AI SDK", access: "token" } as const;

/** The operations under `/api/chat`. */
export const AI_OPERATIONS: readonly Operation[] = [
  {
    ...COMMON,
    method: "post",
    path: "/api/chat",
    id: "chat",
    summary: "Send a message and stream its answer",
    description: "The log, not the posted history, is what the model sees. A message that is " +
      "posted again joins its run, or replays its answer. Closing the stream is no cancel. It ends " +
      "with `finish`, `abort` or `error`, then `[DONE]`.",
    body: annotate(chatRequestSchema, {
      id: "The thread.",
      messages: "Only the last is read, the user's: `id`, `role` and text `parts`.",
      trigger: "`regenerate-message` asks for another answer to it.",
      agent: "Who answers; the server's default where left out.",
      onBusy:
        "Where a run is active: `queue`, `reject` or `interrupt`. `queue` is the default of " +
        "a new message, `interrupt` that of another answer.",
    }),
    bodyExample: {
      id: "first",
      messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "/count 1" }] }],
      trigger: "submit-message",
    },
    answers: [{ ...STREAM, description: "The run's parts, each as one event, from the first on" }],
    errors: ["NOT_FOUND", "IDEMPOTENCY_CONFLICT", "RUN_ACTIVE", "TOO_MANY_RUNS"],
  },
  {
    ...COMMON,
    method: "get",
    path: "/api/chat/{threadId}/stream",
    id: "resumeChat",
    summary: "Stream the active run's answer",
    description: "A second reader of the same run, never a second run.",
    answers: [
      { ...STREAM, description: "The run's parts from the first on" },
      { status: 204, description: "No run streams in this thread, or there is no such thread" },
    ],
    errors: [],
  },
  {
    ...COMMON,
    method: "post",
    path: "/api/chat/{threadId}/stop",
    id: "stopChat",
    summary: "Cancel the active run",
    answers: [
      answer(202, cancelledRunSchema, {
        description: "It ends soon",
        example: { runId: "r-ddb4fb9f" },
      }),
      { status: 204, description: "Nothing runs" },
    ],
    errors: ["NOT_FOUND"],
  },
];

/** `GET /ws`. */
export const HANDSHAKE: Operation = {
  method: "get",
  path: "/ws",
  id: "connect",
  group: "WebSocket",
  access: "handshake",
  summary: "Open a socket",
  description: `WebSocket, version 13 (RFC 6455). From a browser offer the subprotocols ` +
    `\`${SUBPROTOCOL}\` and \`bearer.<jwt>\`; elsewhere send \`Authorization\`. While the server ` +
    "starts, the request waits. A refusal by the start-up goes over the socket, as an `error` " +
    "frame and close 1011, because a browser shows its script neither status nor body.",
  answers: [{
    status: 101,
    description: "Upgraded: the first frame says whether the chat begins",
    headers: ["Upgrade", "Sec-WebSocket-Protocol"],
  }],
  errors: ["UPGRADE_REQUIRED", "ORIGIN_NOT_ALLOWED", "UNSUPPORTED_PROTOCOL"],
};
