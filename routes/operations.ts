/**
 * What operators and load balancers ask: health and metrics. These routes never
 * wait at the gate.
 *
 * @module
 */
import { Hono } from "hono";
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
  app.get("/metrics", async (c) => {
    const { config, metricsText } = c.get("server");
    const { open, token } = config.metrics;
    if (token === undefined && !open) throw new AppError("NOT_FOUND");
    if (token !== undefined && !await isBearer(c.req.header("Authorization"), token)) {
      throw new AppError("UNAUTHENTICATED");
    }
    const text = await metricsText();
    if (text === null) throw new AppError("STARTUP_INCOMPLETE", { retryAfterMs: 1_000 });
    return c.body(text.body, 200, {
      "Content-Type": text.contentType,
      "Cache-Control": "no-store",
    });
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

/** Compares digests, so that the time taken tells nothing of the token. */
async function isBearer(header: string | undefined, token: string): Promise<boolean> {
  const given = await digest(header ?? "");
  const expected = await digest(`Bearer ${token}`);
  return given.every((byte, at) => byte === expected[at]);
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
