/**
 * The operations that concern the server itself: health, metrics, development
 * tokens, pages and documents.
 *
 * @module
 */
import { devTokenSchema } from "../../lib/http/dev_token.ts";
import { type HealthDocument, healthDocumentSchema } from "../../lib/http/health.ts";
import { devTokenRequestSchema } from "../auth.ts";
import { annotate } from "./json_schema.ts";
import { type Answer, answer, MEDIA, type Operation } from "./operation.ts";

const STARTUP: HealthDocument["startup"] = {
  state: "ready",
  attempt: 1,
  durationMs: 41,
  phases: [{ name: "store", critical: true, status: "ok", attempts: 1, durationMs: 12 }],
};

const CHECKS: HealthDocument["checks"] = {
  store: [{
    status: "pass",
    componentType: "component",
    observedValue: 1,
    observedUnit: "ms",
    time: "2026-11-23T20:30:09.934Z",
  }],
};

/** The two answers of a health route. */
function health(passes: string, example: HealthDocument): Answer[] {
  const document = { media: MEDIA.health, schema: healthDocumentSchema } as const;
  return [
    { status: 200, description: passes, ...document, headers: ["Cache-Control"], example },
    {
      status: 503,
      description: "Not so, or not yet: the same document says what is missing",
      ...document,
      headers: ["Cache-Control", "Retry-After"],
      example: { ...example, status: "fail" },
    },
  ];
}

const HEALTH = { method: "get", group: "Health", access: "anyone", errors: [] } as const;

/** The operations of `/health`, `/metrics` and `/auth`. */
export const SERVER_OPERATIONS: readonly Operation[] = [
  {
    ...HEALTH,
    path: "/health",
    id: "health",
    summary: "Everything at once",
    description: "`warn` serves, with something optional lost. Error texts in development only.",
    answers: health("It serves", { status: "pass", checks: CHECKS, startup: STARTUP }),
  },
  {
    ...HEALTH,
    path: "/health/live",
    id: "liveness",
    summary: "Whether the process serves",
    description: "Also while it starts and drains: for restarting a hung process.",
    answers: health("It does", { status: "pass" }).slice(0, 1),
  },
  {
    ...HEALTH,
    path: "/health/startup",
    id: "startup",
    summary: "How the start-up goes",
    answers: health("It is done", { status: "pass", startup: STARTUP }),
  },
  {
    ...HEALTH,
    path: "/health/ready",
    id: "readiness",
    summary: "Whether requests should be routed here",
    answers: health("Ready, not draining, and every critical service answers", {
      status: "pass",
      checks: CHECKS,
    }),
  },
  {
    method: "get",
    path: "/metrics",
    id: "metrics",
    group: "Health",
    access: "metrics",
    summary: "Metrics for Prometheus",
    description: "Open in development and test; elsewhere 404 unless `METRICS_TOKEN` is set.",
    answers: [{
      status: 200,
      description: "The Prometheus text format",
      media: MEDIA.metrics,
      headers: ["Cache-Control"],
      example: "drawbridge_connections 1\n",
    }],
    errors: [],
  },
  {
    method: "post",
    path: "/auth/dev-token",
    id: "devToken",
    group: "Development",
    access: "anyone",
    summary: "Sign a token",
    body: annotate(devTokenRequestSchema, { sub: "Whom the token names." }),
    bodyExample: { sub: "ada" },
    answers: [answer(200, devTokenSchema, {
      description: "A token, good for an hour",
      example: {
        token: "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        expiresAt: "2026-11-23T21:30:09.000Z",
      },
    })],
    errors: ["NOT_FOUND"],
  },
];

const PAGE = { method: "get", group: "Pages", access: "anyone", errors: [] } as const;

function cached(media: Answer["media"], description: string): Answer[] {
  return [
    { status: 200, description, ...(media && { media }), headers: ["ETag", "Cache-Control"] },
    {
      status: 304,
      description: "`If-None-Match` named this version",
      headers: ["ETag", "Cache-Control"],
    },
  ];
}

/** The pages and the documents. */
export const PAGE_OPERATIONS: readonly Operation[] = [
  {
    ...PAGE,
    path: "/",
    id: "page",
    summary: "The chat page",
    answers: cached(MEDIA.html, "HTML"),
  },
  {
    ...PAGE,
    path: "/docs",
    id: "docs",
    summary: "This interface, for people",
    answers: cached(MEDIA.html, "HTML"),
  },
  {
    ...PAGE,
    path: "/docs/style.css",
    id: "docsStyle",
    summary: "That page's stylesheet",
    answers: cached(MEDIA.css, "CSS"),
  },
  {
    ...PAGE,
    path: "/openapi.json",
    id: "openapi",
    summary: "The HTTP interface, for programs",
    answers: cached(MEDIA.json, "OpenAPI 3.1"),
  },
  {
    ...PAGE,
    path: "/asyncapi.json",
    id: "asyncapi",
    summary: "The WebSocket interface, for programs",
    answers: cached(MEDIA.json, "AsyncAPI 3.0"),
  },
];
