/**
 * Reading what a request brings: validated, or refused with its field's name.
 *
 * @module
 */
import type { Context } from "hono";
import type { z } from "zod";
import { describeIssues } from "../lib/chat/protocol.ts";
import { AppError } from "../lib/errors.ts";

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
  const text = await c.req.text();
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new AppError("INVALID_REQUEST", { detail: "The body must be JSON" });
  }
  return validate(schema, value);
}
