/**
 * What one route does, as a value: the OpenAPI document and the page are made of these.
 *
 * @module
 */
import type { z } from "zod";
import type { ErrorCode } from "../../lib/errors.ts";

/** Media types that the server answers with. */
export const MEDIA = {
  json: "application/json",
  problem: "application/problem+json",
  health: "application/health+json",
  events: "text/event-stream",
  html: "text/html; charset=UTF-8",
  css: "text/css; charset=UTF-8",
  metrics: "text/plain; version=0.0.4; charset=utf-8",
} as const;

/** Headers of answers beside `X-Request-Id`, which every answer but a 101 has. */
export type AnswerHeader =
  | "ETag"
  | "Cache-Control"
  | "Retry-After"
  | "X-Vercel-AI-UI-Message-Stream"
  | "Sec-WebSocket-Protocol"
  | "Upgrade";

/** One answer that is no error. */
export interface Answer {
  readonly status: number;
  /** When it comes, one sentence. */
  readonly description: string;
  /** None: the answer has no body. */
  readonly media?: (typeof MEDIA)[keyof typeof MEDIA];
  /** What the body holds, where it is JSON; of events, what each holds. */
  readonly schema?: z.ZodType;
  readonly headers?: readonly AnswerHeader[];
  readonly example?: unknown;
}

/** Who may call it. */
export type Access =
  /** Whoever has a token; behind the gate. */
  | "token"
  /** As `token`, or with the token as a subprotocol. */
  | "handshake"
  /** Whoever has `METRICS_TOKEN`, where it is set. */
  | "metrics"
  /** Everybody, also before the gate opens. */
  | "anyone";

/** The groups, in the order in which they are shown. */
export const GROUPS = {
  Threads: "Threads of the token's subject. Another subject's thread is one that does not exist.",
  "AI SDK": "What `useChat` and its default transport ask for.",
  WebSocket: "The handshake. What is said on the socket is in the AsyncAPI document.",
  Health: "For operators and load balancers. These never wait at the gate.",
  Development: "In development and test only; elsewhere 404.",
  Pages: "The chat page and the documents.",
} as const;

/** One method of one path. */
export interface Operation {
  readonly method: "get" | "post" | "patch" | "delete";
  /** With `{threadId}` and `{runId}` in it. */
  readonly path: string;
  /** Names it in generated clients. */
  readonly id: string;
  readonly group: keyof typeof GROUPS;
  readonly access: Access;
  /** A few words. */
  readonly summary: string;
  /** What else is to be known. */
  readonly description?: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly bodyExample?: unknown;
  readonly answers: readonly Answer[];
  /** Codes of its problem documents, beside those of its access. */
  readonly errors: readonly ErrorCode[];
}

/** An answer whose example the compiler holds against its schema. */
export function answer<S extends z.ZodType>(
  status: number,
  schema: S,
  { description, example }: { description: string; example: z.infer<S> },
): Answer {
  return { status, description, media: MEDIA.json, schema, example };
}

/** What everything behind the gate may refuse with. */
const GATE: readonly ErrorCode[] = [
  "INVALID_REQUEST",
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "TOO_MANY_CONNECTIONS",
  "AUTH_UNAVAILABLE",
  "STARTUP_INCOMPLETE",
  "SERVICE_UNAVAILABLE",
  "DRAINING",
  "ADMISSION_FULL",
];

const OF_ACCESS: Readonly<Record<Access, readonly ErrorCode[]>> = {
  token: [...GATE, "STORE_UNAVAILABLE", "INTERNAL"],
  handshake: GATE,
  metrics: ["NOT_FOUND", "UNAUTHENTICATED", "STARTUP_INCOMPLETE", "INTERNAL"],
  anyone: ["INTERNAL"],
};

/** Every code that an operation may answer with. */
export function errorsOf({ access, errors, body }: Operation): ErrorCode[] {
  const ofBody: readonly ErrorCode[] = body === undefined
    ? []
    : ["INVALID_REQUEST", "MESSAGE_TOO_LARGE"];
  return [...new Set([...errors, ...ofBody, ...OF_ACCESS[access]])];
}
