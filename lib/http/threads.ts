/**
 * What the routes under `/api` answer, as schemas: the code's types derive from
 * them, and the OpenAPI document is made of them.
 *
 * @module
 */
import { z } from "zod";
import { entrySchema, idSchema, timeSchema } from "../chat/entries.ts";

/** The run that answers in a thread now. */
export const activeRunSchema = z.object({
  runId: idSchema.describe("The run's id, made by the server."),
  attempt: z.int().min(1).describe("From 1; a run that is taken over begins its next attempt."),
});

/** A thread as its owner sees it. */
export const threadSchema = z.object({
  id: idSchema.describe("Chosen by whoever created it."),
  title: z.string().nullable().describe("Null where nobody gave it one."),
  createdAt: timeSchema.describe("When it was created."),
  updatedAt: timeSchema.describe("Time of the newest entry, or of the creation."),
  headSeq: z.int().min(0).describe("`seq` of the newest entry; 0 where there is none."),
  activeRun: activeRunSchema.nullable().describe("The run that answers now; null where none does."),
});

/** See {@linkcode threadSchema}. */
export type Thread = z.infer<typeof threadSchema>;

/** One page of a subject's threads. */
export const threadListSchema = z.object({
  threads: z.array(threadSchema).describe("Newest activity first."),
  nextCursor: z.string().nullable()
    .describe("`cursor` of the next page; null after the last."),
});

/** See {@linkcode threadListSchema}. */
export type ThreadPage = z.infer<typeof threadListSchema>;

/** One page of a thread's log. */
export const entryListSchema = z.object({
  entries: z.array(z.object({
    seq: z.int().min(1).describe("The entry's place in the log, from 1 without gaps."),
    entry: entrySchema.describe("What is in it."),
  })).describe("In order; fewer than `limit` where they are large."),
  headSeq: z.int().min(0).describe("`seq` of the thread's newest entry."),
});

/** See {@linkcode entryListSchema}. */
export type EntryPage = z.infer<typeof entryListSchema>;

/** A message that is stored for good. */
export const acceptedMessageSchema = z.object({
  threadId: idSchema.describe("The thread, as in the path."),
  seq: z.int().min(1).describe("The message's place in the log."),
  runId: idSchema.describe("The run that answers it."),
  duplicate: z.boolean().describe("This id was stored before: no second run was started."),
});

/** See {@linkcode acceptedMessageSchema}. */
export type AcceptedMessage = z.infer<typeof acceptedMessageSchema>;

/** A run that was asked to end. */
export const cancelledRunSchema = z.object({ runId: idSchema.describe("The run that ends.") });

/** See {@linkcode cancelledRunSchema}. */
export type CancelledRun = z.infer<typeof cancelledRunSchema>;
