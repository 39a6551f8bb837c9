/**
 * Threads over HTTP, for their owner.
 *
 * @module
 */
import { Hono } from "hono";
import { z } from "zod";
import { agentNameSchema, idSchema, messageSchema, onBusySchema } from "../lib/chat/protocol.ts";
import type {
  AcceptedMessage,
  CancelledRun,
  EntryPage,
  Thread,
  ThreadPage,
} from "../lib/http/threads.ts";
import { MAX_TITLE_LENGTH } from "../lib/limits.ts";
import { AppError } from "../lib/errors.ts";
import type { ReadyEnv } from "./context.ts";
import { readBody, refOf, validate } from "./input.ts";

const titleSchema = z.string().trim().min(1).max(MAX_TITLE_LENGTH)
  .refine((title) => title.isWellFormed(), "must not hold lone surrogates");

/** Body of `POST /api/threads`. */
export const newThreadSchema = z.object({
  id: idSchema.optional(),
  title: titleSchema.nullable().optional(),
});

/** Body of `PATCH /api/threads/{threadId}`. */
export const renameSchema = z.object({ title: titleSchema.nullable() });

/** Body of `POST /api/threads/{threadId}/messages`. */
export const newMessageSchema = messageSchema.extend({
  agent: agentNameSchema.optional(),
  onBusy: onBusySchema.optional(),
});

/** Query of `GET /api/threads`. */
export const threadPageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(100).optional(),
});

/** Query of `GET /api/threads/{threadId}/entries`. */
export const entryPageSchema = z.object({
  afterSeq: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** The routes under `/api/threads`. They stand behind `requireReady`. */
export function threadRoutes(): Hono<ReadyEnv> {
  const app = new Hono<ReadyEnv>();

  app.get("/", async (c) => {
    const { threads } = c.get("services");
    const { limit, cursor } = validate(threadPageSchema, c.req.query());
    return c.json<ThreadPage>(await threads.list(c.get("principal").subject, { limit, cursor }));
  });

  app.post("/", async (c) => {
    const { threads } = c.get("services");
    const body = await readBody(c, newThreadSchema);
    const { subject } = c.get("principal");
    const ref = { subject, threadId: body.id ?? crypto.randomUUID() };
    const { thread, created } = await threads.create(ref, { title: body.title ?? null });
    return c.json<Thread>(thread, created ? 201 : 200);
  });

  app.get("/:threadId", async (c) => {
    const { threads } = c.get("services");
    return c.json<Thread>(await threads.get(refOf(c)));
  });

  app.patch("/:threadId", async (c) => {
    const { threads } = c.get("services");
    const ref = refOf(c);
    const { title } = await readBody(c, renameSchema);
    return c.json<Thread>(await threads.rename(ref, title));
  });

  app.delete("/:threadId", async (c) => {
    await c.get("services").supervisor.deleteThread(refOf(c));
    return c.body(null, 204);
  });

  app.get("/:threadId/entries", async (c) => {
    const { threads } = c.get("services");
    const ref = refOf(c);
    const page = validate(entryPageSchema, c.req.query());
    const head = await threads.head(ref);
    if (head === null) throw new AppError("NOT_FOUND");
    const { entries } = await threads.entries({ ...ref, generation: head.generation }, page);
    // An entry that was appended between the two reads is beyond the head that is reported.
    const { headSeq } = head;
    const seen = entries.filter(({ seq }) => seq <= headSeq);
    return c.json<EntryPage>({ entries: seen, headSeq });
  });

  app.post("/:threadId/messages", async (c) => {
    const { supervisor } = c.get("services");
    const ref = refOf(c);
    const { id, text, agent, onBusy } = await readBody(c, newMessageSchema);
    const sent = await supervisor.send(ref, { message: { id, text }, agent, onBusy });
    const { seq, runId, duplicate } = sent;
    return c.json<AcceptedMessage>({ threadId: ref.threadId, seq, runId, duplicate }, 202);
  });

  app.post("/:threadId/runs/:runId/cancel", async (c) => {
    const { runId } = validate(z.object({ runId: idSchema }), c.req.param());
    await c.get("services").supervisor.cancel(refOf(c), runId);
    return c.json<CancelledRun>({ runId }, 202);
  });

  return app;
}
