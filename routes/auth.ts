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
import { refuseOtherMethods } from "./methods.ts";

/** Body of `POST /auth/dev-token`. */
export const devTokenRequestSchema = z.object({ sub: z.string().min(1).max(MAX_SUBJECT_LENGTH) });

/** `POST /auth/dev-token`, which does not exist outside of development and test. */
export function authRoutes(): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.use("/dev-token", async (c, next) => {
    if (c.get("server").devTokens === null) throw new AppError("NOT_FOUND");
    await next();
  });
  app.post("/dev-token", async (c) => {
    const { sub } = await readBody(c, devTokenRequestSchema);
    const token = await c.get("server").devTokens!.issue(sub);
    return c.json(token, 200, { "Cache-Control": "no-store" });
  });
  refuseOtherMethods(app, { "/dev-token": "POST" });
  return app;
}
