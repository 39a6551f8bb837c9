/**
 * The entries of a thread's log, and what their fields may hold. Browser-safe:
 * imports the schema library and the limits.
 *
 * @module
 */
import { z } from "zod";
import { ID_PATTERN, MAX_ID_LENGTH } from "../limits.ts";

/** An id chosen by a client: 1 to 64 of `A-Z a-z 0-9 _ -`. */
export const idSchema = z.string().regex(ID_PATTERN, `1 to ${MAX_ID_LENGTH} of A-Z a-z 0-9 _ -`);

/** The name of an agent. */
export const agentNameSchema = z.string().min(1).max(64);

/** One part of a message: the AI SDK's UI message parts. Those of other types pass through unread. */
export const messagePartSchema = z.looseObject({ type: z.string() });

/** See {@linkcode messagePartSchema}. */
export type MessagePart = z.infer<typeof messagePartSchema>;

/** How a run ended. */
export const outcomeSchema = z.enum(["completed", "failed", "cancelled", "interrupted"]);

/** See {@linkcode outcomeSchema}. */
export type Outcome = z.infer<typeof outcomeSchema>;

/** ISO 8601, UTC. */
export const timeSchema = z.iso.datetime();

/** ISO 8601 UTC. A token may live until the last instant of a `Date`, whose year has six digits. */
export const expirySchema = z.string().regex(
  /^(\d{4}|\+\d{6})-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/,
  "ISO 8601 UTC",
);

/** A user's message in the log. */
export const userEntrySchema = z.object({
  kind: z.literal("message"),
  role: z.literal("user"),
  id: idSchema,
  parts: z.array(messagePartSchema),
  createdAt: timeSchema,
});

/** The start of one attempt of a run. */
export const runStartedEntrySchema = z.object({
  kind: z.literal("run.started"),
  runId: idSchema,
  attempt: z.int().min(1),
  agent: agentNameSchema,
  /** Id of the user message that the run answers. */
  replyTo: idSchema,
});

/** The end of a run: its answer. Exactly one for each run. */
export const assistantEntrySchema = z.object({
  kind: z.literal("message"),
  role: z.literal("assistant"),
  id: idSchema,
  runId: idSchema,
  /** 0 where the run was cancelled before it started. */
  attempt: z.int().min(0),
  agent: agentNameSchema,
  parts: z.array(messagePartSchema),
  outcome: outcomeSchema,
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  createdAt: timeSchema,
});

/** One entry of a thread's log. */
export const entrySchema = z.union([userEntrySchema, runStartedEntrySchema, assistantEntrySchema]);

/** See {@linkcode userEntrySchema}. */
export type UserEntry = z.infer<typeof userEntrySchema>;
/** See {@linkcode runStartedEntrySchema}. */
export type RunStartedEntry = z.infer<typeof runStartedEntrySchema>;
/** See {@linkcode assistantEntrySchema}. */
export type AssistantEntry = z.infer<typeof assistantEntrySchema>;
/** See {@linkcode entrySchema}. */
export type Entry = z.infer<typeof entrySchema>;
