/**
 * `/openapi.json`, `/asyncapi.json` and `/docs`: what a client can do here, for
 * programs and for people. They never wait at the gate.
 *
 * @module
 */
import { Hono } from "hono";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { AppError } from "../../lib/errors.ts";
import type { ServerEnv } from "../context.ts";
import { problemOf } from "../problem.ts";

const TYPES = {
  "/openapi.json": "application/json",
  "/asyncapi.json": "application/json",
  "/docs": "text/html; charset=UTF-8",
  "/docs/style.css": "text/css; charset=UTF-8",
} as const;

/** The routes of the documents. Their headers are stricter than those of the chat page. */
export function docsRoutes(
  { strictTransportSecurity }: { strictTransportSecurity: boolean },
): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  // Text and one stylesheet: no script, nothing foreign, in nobody's frame.
  const hardened = secureHeaders({
    strictTransportSecurity,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: "DENY",
    referrerPolicy: "no-referrer",
  });
  for (const [path, type] of Object.entries(TYPES)) {
    app.use(path, hardened);
    app.get(path, etag(), async (c) => {
      // Not at the start: the gate must not wait for what few ask for.
      const { DOCUMENTS } = await import("./documents.ts");
      return c.body(DOCUMENTS[path as keyof typeof TYPES], 200, {
        "Content-Type": type,
        // Kept, but asked for again: another version may have been deployed.
        "Cache-Control": "no-cache",
      });
    });
    app.all(path, (c) =>
      problemOf(new AppError("METHOD_NOT_ALLOWED"), {
        requestId: c.get("requestId"),
        headers: { Allow: "GET, HEAD" },
      }));
  }
  return app;
}
