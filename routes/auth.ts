/**
 * Tokens for development, so that a newcomer needs no identity provider.
 *
 * @module
 */
import { Hono } from "hono";
import { z } from "zod";
import { AppError } from "../lib/errors.ts";
import { MAX_SUBJECT_LENGTH } from "../lib/limits.ts";
import type { ServerEnv } from "./context.ts";
import { readBody } from "./input.ts";

/** Body of `POST /auth/dev-token`. */
export const devTokenSchema = z.object({ sub: z.string().min(1).max(MAX_SUBJECT_LENGTH) });

/** `POST /auth/dev-token`, which does not exist outside of development and test. */
export function authRoutes(): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.post("/dev-token", async (c) => {
    const { devTokens } = c.get("server");
    if (devTokens === null) throw new AppError("NOT_FOUND");
    const { sub } = await readBody(c, devTokenSchema);
    return c.json(await devTokens.issue(sub), 200, { "Cache-Control": "no-store" });
  });
  return app;
}
