/**
 * What a path answers to a method that it does not have.
 *
 * @module
 */
import type { Hono } from "hono";
import { AppError } from "../lib/errors.ts";
import type { ReadyEnv, ServerEnv } from "./context.ts";
import { problemOf } from "./problem.ts";

/** Methods of what only reads. */
export const READING = "GET, HEAD";

/**
 * Answers all other methods of each path with 405 and `Allow`. To be called once the paths have
 * their handlers.
 *
 * @param allowed The methods of each path, as `Allow` names them.
 */
export function refuseOtherMethods<E extends ServerEnv | ReadyEnv>(
  app: Hono<E>,
  allowed: Readonly<Record<string, string>>,
): void {
  for (const [path, methods] of Object.entries(allowed)) {
    app.all(path, (c) => {
      const requestId = c.get("requestId");
      return problemOf(new AppError("METHOD_NOT_ALLOWED"), {
        requestId,
        headers: { Allow: methods },
      });
    });
  }
}
