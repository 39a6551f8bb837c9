/**
 * All routes, and the few middlewares that each group needs.
 *
 * @module
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import { originAllowed } from "../lib/auth/origin.ts";
import { challengeFor } from "../lib/auth/refusal.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { aiRoutes, MAX_HISTORY_BYTES } from "./ai.ts";
import { UnknownCommitError } from "../lib/threads/store.ts";
import { authRoutes } from "./auth.ts";
import { handleHandshake } from "./chat.ts";
import { transportSecurity } from "../lib/security_headers.ts";
import { requestIdOf } from "../lib/request_id.ts";
import type { ServerContext } from "../lib/server_context.ts";
import { pathOf, type ReadyEnv, requireReady, withServer } from "./context.ts";
import { docsRoutes } from "./docs/routes.ts";
import { operationsRoutes } from "./operations.ts";
import { pageRoutes } from "./page/page.ts";
import { unreadable } from "./input.ts";
import { READING, refuseOtherMethods } from "./methods.ts";
import { problemOf } from "./problem.ts";
import { threadRoutes } from "./threads.ts";

/** The methods of each path under `/api`, for 405 instead of 404. */
const API_METHODS = {
  "/api/threads": "GET, HEAD, POST",
  "/api/threads/:threadId": "GET, HEAD, PATCH, DELETE",
  "/api/threads/:threadId/entries": READING,
  "/api/threads/:threadId/messages": "POST",
  "/api/threads/:threadId/runs/:runId/cancel": "POST",
  "/api/chat": "POST",
  "/api/chat/:threadId/stream": READING,
  "/api/chat/:threadId/stop": "POST",
} as const;

/** What one byte of a message may take in a body: JSON writes a control character as `\u0001`. */
const ESCAPED_BYTES = 6;

/** Room in a body for all but the message, bytes. */
const FIELDS_BYTES = 4_096;

/** Makes the application. `server` reaches every handler through its context. */
export function createApp(server: ServerContext): Hono<ReadyEnv> {
  const app = new Hono<ReadyEnv>({ getPath: pathOf });
  // In an application of its own: nothing may touch the response of an upgrade, and a handler
  // that is alone costs those who wait least.
  app.all("/ws", (c) => {
    c.set("server", server);
    return handleHandshake(c);
  });
  app.onError((error, c) => {
    const requestId = requestIdOf(c.req.raw.headers);
    server.log.error("A handshake failed", { requestId, error });
    return problemOf(toAppError(error), {
      requestId,
      headers: transportSecurity(server.config.appEnv),
    });
  });
  const http = createHttpApp(server);
  app.notFound((c) => http.fetch(c.req.raw, c.env));
  return app;
}

/** Makes everything but the socket. */
export function createHttpApp(server: ServerContext): Hono<ReadyEnv> {
  const app = new Hono<ReadyEnv>({ getPath: pathOf });
  const { config, log } = server;
  app.use(withServer(server));
  app.use(secureHeaders({
    strictTransportSecurity: transportSecurity(config.appEnv)["Strict-Transport-Security"] ?? false,
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    xFrameOptions: "DENY",
    referrerPolicy: "no-referrer",
    // A document brings a policy of its own (`documentHeaders`).
    overwrite: false,
  }));

  app.use(
    "/api/*",
    cors({
      origin: (origin, c) => {
        const host = c.req.header("Host") ?? null;
        const rules = {
          allowedOrigins: config.allowedOrigins,
          allowLocalhost: config.allowLocalhostOrigins,
        };
        return originAllowed(origin, host, rules) ? origin : null;
      },
      allowMethods: ["GET", "POST", "PATCH", "DELETE"],
      allowHeaders: ["Authorization", "Content-Type", "X-Request-Id"],
      exposeHeaders: ["X-Request-Id", "Retry-After"],
      maxAge: 600,
    }),
    async (c, next) => {
      await next();
      // What its owner alone may see stays in no cache; a stream says so by itself.
      if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-store");
    },
    requireReady(),
  );
  const limitTo = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: () => {
        throw new AppError("MESSAGE_TOO_LARGE");
      },
    });
  const { frameBytes, messageBytes } = config.limits;
  const bodyBytes = Math.max(frameBytes, ESCAPED_BYTES * messageBytes + FIELDS_BYTES);
  const [historyLimit, limit] = [
    limitTo(Math.max(MAX_HISTORY_BYTES, bodyBytes)),
    limitTo(bodyBytes),
  ];
  app.use(async (c, next) => {
    try {
      return await (c.req.path === "/api/chat" ? historyLimit : limit)(c, next);
    } catch (cause) {
      // It reads a body whose length nobody named.
      throw cause instanceof AppError ? cause : unreadable(cause);
    }
  });
  app.route("/api/threads", threadRoutes());
  app.route("/api/chat", aiRoutes());
  refuseOtherMethods(app, API_METHODS);
  app.route("/auth", authRoutes());
  app.route("/", operationsRoutes());
  app.route("/", docsRoutes());
  app.route("/", pageRoutes(config));

  app.notFound((c) => problemOf(new AppError("NOT_FOUND"), { requestId: c.get("requestId") }));
  app.onError((thrown, c) => {
    const error = thrown instanceof UnknownCommitError ? unknownOutcome() : toAppError(thrown);
    const requestId = c.get("requestId");
    if (error.code === "INTERNAL") log.error("A request failed", { requestId, error: thrown });
    return problemOf(error, { requestId, headers: challengeFor(error) });
  });
  return app;
}

/** HTTP must answer something: that the store did not tell, and that asking again is safe. */
function unknownOutcome(): AppError {
  const detail = "It is not known whether this was stored: send it again with the same id";
  return new AppError("STORE_UNAVAILABLE", { detail });
}
