/**
 * Reading what a request brings: validated, or refused with its field's name.
 *
 * @module
 */
import type { Context } from "hono";
import { z } from "zod";
import { describeIssues, idSchema } from "../lib/chat/protocol.ts";
import { AppError } from "../lib/errors.ts";
import type { ThreadRef } from "../lib/threads/records.ts";
import type { ReadyEnv } from "./context.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

const pathSchema = z.object({ threadId: idSchema });

/**
 * Validates a value.
 *
 * @throws {AppError} `INVALID_REQUEST`, naming the fields but not what was in them.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new AppError("INVALID_REQUEST", { detail: describeIssues(parsed.error) });
  }
  return parsed.data;
}

/**
 * Reads and validates a JSON body. An empty one is `{}`.
 *
 * @throws {AppError} `INVALID_REQUEST`
 */
export async function readBody<T extends z.ZodType>(c: Context, schema: T): Promise<z.infer<T>> {
  const bytes = await c.req.arrayBuffer().catch((cause) => {
    throw unreadable(cause);
  });
  let value: unknown;
  try {
    const text = decoder.decode(bytes);
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new AppError("INVALID_REQUEST", { detail: "The body must be JSON in UTF-8" });
  }
  return validate(schema, value);
}

/** What is told of a body that broke off, or that is framed wrongly: its sender did it, and nothing failed here. */
export function unreadable(cause: unknown): AppError {
  return new AppError("INVALID_REQUEST", { detail: "The body could not be read", cause });
}

/**
 * The thread that a path names, among the caller's own.
 *
 * @throws {AppError} `INVALID_REQUEST`
 */
export function refOf(c: Context<ReadyEnv>): ThreadRef {
  const { threadId } = validate(pathSchema, c.req.param());
  return { subject: c.get("principal").subject, threadId };
}
