/**
 * The AI SDK over HTTP: what `useChat` and its default transport ask for.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { agentNameSchema, idSchema, onBusySchema, textSchema } from "../lib/chat/protocol.ts";
import { type StreamedRun, UI_STREAM_HEADERS, UiStream } from "../lib/chat/ui_stream.ts";
import { AppError } from "../lib/errors.ts";
import type { Services } from "../lib/services.ts";
import type { Change } from "../lib/threads/run_steps.ts";
import type { ThreadRef } from "../lib/threads/records.ts";
import type { ReadyEnv } from "./context.ts";
import { readBody, refOf, validate } from "./input.ts";
import { MEMORY_RETRY_MS } from "./problem.ts";

/** Body of `POST /api/chat`, bytes: the SDK posts the whole history, of which one message is read. */
export const MAX_HISTORY_BYTES = 4 * 1024 * 1024;

/**
 * Body of `POST /api/chat`, as the SDK's default transport posts it. Of
 * `messages` only the last is read, which must be the user's. `agent` and
 * `onBusy` may be put into the transport's `body`.
 */
export const chatRequestSchema = z.object({
  /** The thread. */
  id: idSchema,
  messages: z.array(z.unknown()).min(1),
  trigger: z.enum(["submit-message", "regenerate-message"]).default("submit-message"),
  agent: agentNameSchema.optional(),
  onBusy: onBusySchema.optional(),
});

/** The message to answer: text only. Its id is the idempotency key. */
export const chatMessageSchema = z.object({
  id: idSchema,
  role: z.literal("user", "the last message must be the user's"),
  parts: z.array(z.object({
    type: z.literal("text", "only text is taken"),
    text: z.string(),
  })),
}).transform(({ id, parts }) => ({ id, text: parts.map(({ text }) => text).join("\n") }))
  .pipe(z.object({ id: idSchema, text: textSchema }));

/** The routes under `/api/chat`. They stand behind `requireReady`. */
export function aiRoutes(): Hono<ReadyEnv> {
  const app = new Hono<ReadyEnv>();

  app.post("/", (c) =>
    respond(c, async () => {
      const { id: threadId, messages, trigger, ...options } = await readBody(c, chatRequestSchema);
      const message = validate(chatMessageSchema, messages.at(-1));
      const ref = { subject: c.get("principal").subject, threadId };
      const asked = { message, ...options };
      return await (trigger === "submit-message" ? send : regenerate)(c, ref, asked);
    }));

  app.get("/:threadId/stream", (c) => respond(c, () => resume(c, refOf(c))));

  app.post("/:threadId/stop", async (c) => {
    const { supervisor, threads } = c.get("services");
    const ref = refOf(c);
    const runId = (await threads.head(ref))?.active?.runId;
    if (runId === undefined) return c.body(null, 204);
    await supervisor.cancel(ref, runId);
    return c.json({ runId }, 202);
  });

  return app;
}

type ReadyContext = Context<ReadyEnv>;

/** A message to answer, and how. */
type Asked = Parameters<Services["supervisor"]["send"]>[1];

/** Stores the message; one that was stored before leads to the run that it started. */
async function send(c: ReadyContext, ref: ThreadRef, asked: Asked): Promise<StreamedRun> {
  const { supervisor, threads } = c.get("services");
  const sent = await supervisor.send(ref, asked);
  const { seq } = sent;
  // Of a run that has ended, the answer holds everything.
  const head = sent.duplicate ? await threads.head(ref) : null;
  return runBehind(c, sent, { afterSeq: seq, headSeq: head?.headSeq ?? seq });
}

/**
 * Answers the thread's last message anew. Unless `onBusy` says otherwise, what
 * still answers in the thread is given up: whoever asks wants another answer
 * now. A message that is not in the log is sent: its first try has failed.
 */
async function regenerate(c: ReadyContext, ref: ThreadRef, asked: Asked): Promise<StreamedRun> {
  const { supervisor, threads } = c.get("services");
  const head = await threads.head(ref);
  if (head?.lastUserMessageId !== asked.message.id) {
    const sent = await supervisor.send(ref, asked);
    if (sent.duplicate) {
      const detail = "Only the thread's last message can be answered anew";
      throw new AppError("INVALID_REQUEST", { detail });
    }
    return runBehind(c, sent, { afterSeq: sent.seq, headSeq: sent.seq });
  }
  const change = await supervisor.regenerate(ref, asked.onBusy ?? "interrupt");
  // The thread may have been deleted and made anew since its head was read.
  const headSeq = change.thread.generation === head.generation ? head.headSeq : 0;
  return runBehind(c, change, { afterSeq: headSeq, headSeq });
}

/** The run that a change started, queued or found, none of whose entries is before the cursor. */
function runBehind(
  c: ReadyContext,
  { thread, runId, claim }: Change & { runId: string },
  cursor: { afterSeq: number; headSeq: number },
): StreamedRun {
  // Somebody else streams it, or what it waits for, and may be dead.
  if (claim === null) c.get("services").supervisor.watch(thread);
  return { topic: thread, runId, start: { ...cursor, run: null } };
}

/** The thread's active run, from its first part on; null where there is none. */
async function resume(c: ReadyContext, ref: ThreadRef): Promise<StreamedRun | null> {
  const { supervisor, threads } = c.get("services");
  const head = await threads.head(ref);
  if (!head?.active) return null;
  const { active, generation, headSeq } = head;
  supervisor.watch(ref);
  const start = { afterSeq: headSeq, headSeq, run: { ...active, next: 0 } };
  return { topic: { ...ref, generation }, runId: active.runId, start };
}

/** Streams the run that `find` leads to, or answers 204 where it leads to none. */
async function respond(
  c: ReadyContext,
  find: () => Promise<StreamedRun | null>,
): Promise<Response> {
  const { config, connections, gate, log, memory, metrics } = c.get("server");
  const principal = c.get("principal");
  if (memory.over) throw new AppError("ADMISSION_FULL", { retryAfterMs: MEMORY_RETRY_MS });
  // Taken before anything is stored: a refusal leaves nothing behind.
  const connection = connections.tryTake(principal.subject);
  if (connection === null) throw new AppError("TOO_MANY_CONNECTIONS");
  try {
    const run = await find();
    if (run === null) {
      connection.release();
      return c.body(null, 204);
    }
    // It asks for the headers alone: nobody would read the stream.
    if (c.req.method === "HEAD") {
      connection.release();
      return new Response(null, { headers: UI_STREAM_HEADERS });
    }
    const stream = new UiStream(run, {
      services: c.get("services"),
      principal,
      maxUnsentBytes: config.limits.unsentBytes,
      onClosed: () => connection.release(),
      onSlow: () => metrics.record("slow_consumers_total", {}),
      onFault: (error) => {
        log.error("A stream failed", { requestId: c.get("requestId"), error });
      },
    });
    connection.register(stream);
    stream.begin();
    // The drain may have begun since the gate, and have ended the others.
    if (gate.draining) stream.drain();
    return new Response(stream.body, { headers: UI_STREAM_HEADERS });
  } catch (error) {
    connection.release();
    throw error;
  }
}
