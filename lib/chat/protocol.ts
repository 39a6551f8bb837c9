/**
 * The wire protocol, version 1: every frame's schema, its parser and its
 * encoder. Browser-safe: imports the schema library, the errors, the limits and the
 * entries.
 *
 * @module
 */
import { z } from "zod";
import { AppError, ERROR_CODES } from "../errors.ts";
import { ID_PATTERN } from "../limits.ts";
import { agentNameSchema, entrySchema, expirySchema, idSchema } from "./entries.ts";

export * from "./entries.ts";

/** The WebSocket subprotocol that names this version. */
export const SUBPROTOCOL = "drawbridge.v1";

/** What to do where the thread already has an active run. */
export const onBusySchema = z.enum(["queue", "reject", "interrupt"]);

/** See {@linkcode onBusySchema}. */
export type OnBusy = z.infer<typeof onBusySchema>;

/** The text of a message: not blank, and text that UTF-8 can hold. */
export const textSchema = z.string()
  .refine((text) => text.trim() !== "", "must not be blank")
  .refine((text) => text.isWellFormed(), "must not hold lone surrogates");

/** A message as its author sends it. */
export const messageSchema = z.object({ id: idSchema, text: textSchema });

const positionSchema = z.object({
  runId: idSchema,
  attempt: z.int().min(1),
  index: z.int().min(0),
});

/** The last chunk of a run that a client has seen. */
export type RunPosition = z.infer<typeof positionSchema>;

/** Every frame that a client may send, by `type`. */
export const clientFrameSchemas = {
  "message.send": z.object({
    type: z.literal("message.send"),
    id: idSchema,
    threadId: idSchema,
    message: messageSchema,
    agent: agentNameSchema.optional(),
    onBusy: onBusySchema.optional(),
  }),
  "message.regenerate": z.object({
    type: z.literal("message.regenerate"),
    id: idSchema,
    threadId: idSchema,
    onBusy: onBusySchema.optional(),
  }),
  "thread.open": z.object({
    type: z.literal("thread.open"),
    id: idSchema,
    threadId: idSchema,
    afterSeq: z.int().min(0).optional(),
    run: positionSchema.optional(),
  }),
  "thread.close": z.object({ type: z.literal("thread.close"), id: idSchema, threadId: idSchema }),
  "run.cancel": z.object({
    type: z.literal("run.cancel"),
    id: idSchema,
    threadId: idSchema,
    runId: idSchema,
  }),
  "auth.refresh": z.object({ type: z.literal("auth.refresh"), id: idSchema, token: z.string() }),
  "ping": z.object({ type: z.literal("ping"), id: idSchema }),
} as const;

/** A frame's `type`, as a client sends it. */
export type ClientFrameType = keyof typeof clientFrameSchemas;

/** A frame from a client, validated. */
export type ClientFrame = z.infer<(typeof clientFrameSchemas)[ClientFrameType]>;

/** What one client frame of type `Type` holds. */
export type ClientFrameOf<Type extends ClientFrameType> = Extract<ClientFrame, { type: Type }>;

const activeRunSchema = z.object({ runId: idSchema, attempt: z.int().min(1) }).nullable();
const chunkSchema = z.looseObject({ type: z.string() });
const seqSchema = z.int().min(0);

/** Every frame that the server sends, by `type`; an `ack` carries what its request's row names. */
export const serverFrameSchemas = {
  "session.ready": z.object({
    type: z.literal("session.ready"),
    sessionId: z.string(),
    subject: z.string(),
    expiresAt: expirySchema,
    waitedMs: z.number().min(0),
    degraded: z.array(z.string()),
    limits: z.object({
      frameBytes: z.int(),
      messageBytes: z.int(),
      framesPerSecond: z.int(),
    }),
  }),
  "ack": z.object({
    type: z.literal("ack"),
    ref: idSchema,
    threadId: idSchema.optional(),
    seq: seqSchema.optional(),
    runId: idSchema.optional(),
    duplicate: z.boolean().optional(),
    expiresAt: expirySchema.optional(),
  }),
  "thread.opened": z.object({
    type: z.literal("thread.opened"),
    ref: idSchema,
    threadId: idSchema,
    headSeq: seqSchema,
    activeRun: activeRunSchema,
    recovered: z.boolean(),
  }),
  "entry": z.object({
    type: z.literal("entry"),
    threadId: idSchema,
    seq: z.int().min(1),
    entry: entrySchema,
  }),
  "chunk": z.object({
    type: z.literal("chunk"),
    threadId: idSchema,
    runId: idSchema,
    attempt: z.int().min(1),
    index: z.int().min(0),
    chunk: chunkSchema,
  }),
  "chunks": z.object({
    type: z.literal("chunks"),
    threadId: idSchema,
    runId: idSchema,
    attempt: z.int().min(1),
    index: z.int().min(0),
    chunks: z.array(chunkSchema),
  }),
  "pong": z.object({ type: z.literal("pong"), ref: idSchema }),
  "error": z.object({
    type: z.literal("error"),
    ref: z.string().optional(),
    code: z.enum(ERROR_CODES),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.number().optional(),
  }),
  "session.draining": z.object({
    type: z.literal("session.draining"),
    reconnectAfterMs: z.int().min(0),
  }),
} as const;

/** A frame's `type`, as the server sends it. */
export type ServerFrameType = keyof typeof serverFrameSchemas;

/** A frame from the server. */
export type ServerFrame = z.infer<(typeof serverFrameSchemas)[ServerFrameType]>;

/** A client frame as read: valid, or with what is wrong and, where it could be read, its `id`. */
export type ParsedFrame =
  | { readonly ok: true; readonly frame: ClientFrame }
  | { readonly ok: false; readonly error: AppError; readonly ref: string | undefined };

/**
 * Reads one text frame. Not a JSON object with a `type` and an `id`:
 * `INVALID_FRAME`. A `type` that is not in the protocol: `UNKNOWN_TYPE`. Other
 * fields that do not fit: `INVALID_REQUEST`.
 */
export function parseClientFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("INVALID_FRAME", "A frame is one JSON object");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("INVALID_FRAME", "A frame is one JSON object");
  }
  const { type, id } = value as { type?: unknown; id?: unknown };
  const ref = typeof id === "string" && ID_PATTERN.test(id) ? id : undefined;
  if (typeof type !== "string") return refuse("INVALID_FRAME", "`type` must be a string", ref);
  if (ref === undefined) return refuse("INVALID_FRAME", "`id` must be 1 to 64 of A-Z a-z 0-9 _ -");
  if (!Object.hasOwn(clientFrameSchemas, type)) {
    return refuse("UNKNOWN_TYPE", "The frame type is not part of drawbridge.v1", ref);
  }
  const parsed = clientFrameSchemas[type as ClientFrameType].safeParse(value);
  if (parsed.success) return { ok: true, frame: parsed.data };
  return refuse("INVALID_REQUEST", describeIssues(parsed.error), ref);
}

/** Says which fields do not fit, without repeating what was in them. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.slice(0, 3)
    .map((issue) => `${issue.path.map(String).join(".") || "body"}: ${issue.message}`)
    .join("; ");
}

function refuse(
  code: "INVALID_FRAME" | "UNKNOWN_TYPE" | "INVALID_REQUEST",
  detail: string,
  ref?: string,
): ParsedFrame {
  return { ok: false, error: new AppError(code, { detail }), ref };
}

/** Encodes one server frame. */
export function encodeFrame(frame: ServerFrame): string {
  return JSON.stringify(frame);
}

/** Encodes consecutive chunks, each already JSON, as one `chunk` or `chunks` frame. */
export function encodeChunks(
  at: { threadId: string; runId: string; attempt: number; index: number },
  chunks: readonly string[],
): string {
  // Ids have no character that JSON escapes, so the text is put together as it is.
  const head = `"threadId":"${at.threadId}","runId":"${at.runId}",` +
    `"attempt":${at.attempt},"index":${at.index}`;
  return chunks.length === 1
    ? `{"type":"chunk",${head},"chunk":${chunks[0]}}`
    : `{"type":"chunks",${head},"chunks":[${chunks.join(",")}]}`;
}

/** The `error` frame of a fault, answering the frame `ref` where there is one. */
export function errorFrame(error: AppError, ref?: string): ServerFrame {
  return {
    type: "error",
    ...(ref === undefined ? {} : { ref }),
    code: error.code,
    message: error.detail,
    retryable: error.shape.retryable,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}
