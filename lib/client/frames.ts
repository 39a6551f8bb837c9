/**
 * Frames as the client sees them: the protocol's types, and a reader that is small enough for a
 * page. The schemas would bring their library along, twenty times the client's weight.
 *
 * @module
 */
import type { ClientFrame, ServerFrame, ServerFrameType, SUBPROTOCOL } from "../chat/protocol.ts";

/** The WebSocket subprotocol; its type is the protocol's own constant. */
export const CLIENT_SUBPROTOCOL: typeof SUBPROTOCOL = "drawbridge.v1";

/** A server's frame of one type. */
export type ServerFrameOf<Type extends ServerFrameType> = Extract<ServerFrame, { type: Type }>;

/** A frame to be sent; the client gives it its `id`. */
export type Outgoing = ClientFrame extends infer Frame
  ? Frame extends ClientFrame ? Omit<Frame, "id"> : never
  : never;

/** What answers a frame by its `ref`; an `error` is thrown instead. */
export type Answer = ServerFrameOf<"ack" | "pong" | "thread.opened">;

/** One of the AI SDK's UI message stream parts. */
export type Chunk = ServerFrameOf<"chunk">["chunk"];

/** What {@linkcode ServerFrameOf} `session.ready` tells of a session. */
export type Session = Omit<ServerFrameOf<"session.ready">, "type">;

type Kind = "string" | "number" | "boolean" | "object" | "array";

/** The fields that the client relies on. */
const FIELDS: { readonly [Type in ServerFrameType]: Readonly<Record<string, Kind>> } = {
  "session.ready": {
    sessionId: "string",
    subject: "string",
    expiresAt: "string",
    degraded: "array",
    limits: "object",
  },
  "ack": { ref: "string" },
  "thread.opened": { ref: "string", threadId: "string", headSeq: "number", recovered: "boolean" },
  "entry": { threadId: "string", seq: "number", entry: "object" },
  "chunk": {
    threadId: "string",
    runId: "string",
    attempt: "number",
    index: "number",
    chunk: "object",
  },
  "chunks": {
    threadId: "string",
    runId: "string",
    attempt: "number",
    index: "number",
    chunks: "array",
  },
  "pong": { ref: "string" },
  "error": { code: "string", message: "string", retryable: "boolean" },
  "session.draining": { reconnectAfterMs: "number" },
};

/**
 * Reads one frame; null where it is none that this client knows, such as a newer server's. What is
 * inside entries and chunks is the server's word.
 */
export function readServerFrame(data: unknown): ServerFrame | null {
  const frame = parse(data);
  if (kindOf(frame) !== "object") return null;
  const fields = frame as Record<string, unknown>;
  const type = fields["type"];
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) return null;
  const known = Object.entries(FIELDS[type as ServerFrameType])
    .every(([name, kind]) => kindOf(fields[name]) === kind);
  return known ? frame as ServerFrame : null;
}

function parse(data: unknown): unknown {
  try {
    return typeof data === "string" ? JSON.parse(data) : null;
  } catch {
    return null;
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}
