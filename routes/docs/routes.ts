/**
 * `/openapi.json`, `/asyncapi.json` and `/docs`: what a client can do here, for
 * programs and for people. They never wait at the gate.
 *
 * @module
 */
import { Hono } from "hono";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { documentHeaders } from "../content_security.ts";
import type { ServerEnv } from "../context.ts";
import { READING, refuseOtherMethods } from "../methods.ts";

const TYPES = {
  "/openapi.json": "application/json",
  "/asyncapi.json": "application/json",
  "/docs": "text/html; charset=UTF-8",
  "/docs/style.css": "text/css; charset=UTF-8",
} as const;

/** Text and one stylesheet: no script at all. */
const HEADERS = {
  ...documentHeaders({ scripts: false }),
  // Kept, but asked for again: another version may have been deployed.
  "Cache-Control": "no-cache",
} as const;

/** On a 304 too, whose headers replace those that a browser has kept. */
const tagged = etag({ retainedHeaders: [...RETAINED_304_HEADERS, ...Object.keys(HEADERS)] });

/** The routes of the documents. */
export function docsRoutes(): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  for (const [path, type] of Object.entries(TYPES)) {
    app.get(path, tagged, async (c) => {
      // Not at the start: the gate must not wait for what few ask for.
      const { DOCUMENTS } = await import("./documents.ts");
      const body = DOCUMENTS[path as keyof typeof TYPES];
      return c.body(body, 200, { ...HEADERS, "Content-Type": type });
    });
    refuseOtherMethods(app, { [path]: READING });
  }
  return app;
}
