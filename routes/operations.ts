/**
 * What operators and load balancers ask: health and metrics. These routes never
 * wait at the gate.
 *
 * @module
 */
import { Hono } from "hono";
import { challenge } from "../lib/auth/refusal.ts";
import { AppError } from "../lib/errors.ts";
import {
  HEALTH_CONTENT_TYPE,
  type HealthAnswer,
  healthDocument,
  type HealthReport,
  livenessDocument,
  readinessDocument,
  startupDocument,
} from "../lib/observe/health.ts";
import type { ServerContext } from "../lib/server_context.ts";
import type { ServerEnv } from "./context.ts";
import { READING, refuseOtherMethods } from "./methods.ts";
import { problemOf } from "./problem.ts";

/** The routes under `/health`, and `/metrics`. */
export function operationsRoutes(): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.get("/health/live", () => answer(livenessDocument()));
  app.get("/health/startup", (c) => answer(startupDocument(c.get("server").startup())));
  app.get("/health/ready", async (c) => {
    const server = c.get("server");
    return answer(readinessDocument(await reportOf(server), optionsOf(server)));
  });
  app.get("/health", async (c) => {
    const server = c.get("server");
    return answer(healthDocument(await reportOf(server), optionsOf(server)));
  });
  app.use("/metrics", async (c, next) => {
    const { open, token } = c.get("server").config.metrics;
    if (token === undefined && !open) throw new AppError("NOT_FOUND");
    await next();
  });
  app.get("/metrics", async (c) => {
    const { config: { metrics: { token } }, metricsText } = c.get("server");
    const given = c.req.header("Authorization");
    if (token !== undefined && !await isBearer(given, token)) {
      const headers = challenge(given === undefined ? undefined : "invalid_token");
      const requestId = c.get("requestId");
      return problemOf(new AppError("UNAUTHENTICATED"), { requestId, headers });
    }
    const text = await metricsText();
    if (text === null) throw new AppError("STARTUP_INCOMPLETE");
    return c.body(text.body, 200, {
      "Content-Type": text.contentType,
      "Cache-Control": "no-store",
    });
  });
  refuseOtherMethods(app, {
    "/health/live": READING,
    "/health/startup": READING,
    "/health/ready": READING,
    "/health": READING,
    "/metrics": READING,
  });
  return app;
}

async function reportOf(server: ServerContext): Promise<HealthReport> {
  const services = server.services();
  const probes = await services?.probe() ?? [];
  return { startup: server.startup(), probes, degraded: services?.degraded() ?? [] };
}

function optionsOf({ config }: ServerContext): { showErrors: boolean; nowMs: number } {
  return { showErrors: config.appEnv === "development", nowMs: Date.now() };
}

function answer({ httpStatus, body }: HealthAnswer): Response {
  return new Response(JSON.stringify(body), {
    status: httpStatus,
    headers: {
      "Content-Type": HEALTH_CONTENT_TYPE,
      "Cache-Control": "no-store",
      ...(httpStatus === 503 ? { "Retry-After": "1" } : {}),
    },
  });
}

/** Compares digests, so that the time taken tells nothing of the token. The scheme may come in any case (RFC 9110 §11.1). */
async function isBearer(header: string | undefined, token: string): Promise<boolean> {
  const given = await digest(/^bearer +(.*)$/i.exec(header ?? "")?.[1] ?? "");
  const expected = await digest(token);
  return given.every((byte, at) => byte === expected[at]);
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
