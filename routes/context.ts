/**
 * What a request carries: its id, what the server is made of, and behind the
 * gate its principal and the services.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { getPath } from "hono/utils/url";
import { readBearer } from "../lib/auth/credentials.ts";
import type { Principal } from "../lib/auth/principal.ts";
import { challengeFor } from "../lib/auth/refusal.ts";
import { AppError } from "../lib/errors.ts";
import { inRequest } from "../lib/observe/log_context.ts";
import type { Tracing } from "../lib/observe/tracing.ts";
import { requestIdOf } from "../lib/request_id.ts";
import type { Arrival } from "../lib/listener.ts";
import type { ServerContext } from "../lib/server_context.ts";
import type { Services } from "../lib/services.ts";
import { refusalOf } from "../lib/startup/refusal.ts";
import { problemOf } from "./problem.ts";

/** Hono's environment of every route. */
export interface ServerEnv {
  /** What the listener says of a request; nothing where it is asked by other means. */
  Bindings: Partial<Arrival>;
  Variables: {
    /** Names the request in answers and logs. */
    requestId: string;
    server: ServerContext;
  };
}

/** Hono's environment behind {@linkcode requireReady}. */
export interface ReadyEnv {
  Bindings: ServerEnv["Bindings"];
  Variables: ServerEnv["Variables"] & {
    principal: Principal;
    services: Services;
  };
}

/** Gives every request its id and the server, and every response the id. */
export function withServer(server: ServerContext): MiddlewareHandler<ServerEnv> {
  return async (c, next) => {
    c.set("server", server);
    const requestId = requestIdOf(c.req.raw.headers);
    c.set("requestId", requestId);
    await inRequest(requestId, next);
    c.res.headers.set("X-Request-Id", requestId);
    if (server.tracing.isOn) {
      const route = routePath(c, -1);
      describeRequest(server.tracing, { requestId, method: c.req.method, route });
    }
  };
}

/** Completes the platform's span of a request: it does not know routes, and nothing else has its id. */
export function describeRequest(
  tracing: Tracing,
  { requestId, method, route }: { requestId: string; method: string; route: string },
): void {
  const attributes = { "http.route": route, "drawbridge.request.id": requestId };
  tracing.describe(attributes, `${method} ${route}`);
}

/** What is told where {@linkcode urlOf} is null. */
export const INVALID_HOST = "Host must name a host";

/** A host and perhaps a port (RFC 9110 §7.2): with a `?` or `#` in it the query would be somewhere else. */
const HOST = /^[A-Za-z0-9._~%:[\]-]+$/;

/** A request's address, or null where its `Host`, which the platform takes as it comes, makes none. */
export function urlOf(request: Pick<Request, "url" | "headers">): URL | null {
  const host = request.headers.get("host");
  return host === null || HOST.test(host) ? URL.parse(request.url) : null;
}

/** Addresses in which Hono's router looks in vain for a path: `http:///ws`, which Deno 2.5 makes of an empty `Host`, and `http://host?x`. */
const PATH_MISPLACED = /^https?:\/\/(?:(\/[^?#]*)|[^/?#]+(?:[?#]|$))/;

/** The path by which a request is routed, `/` where its address has none. */
export function pathOf(request: Request): string {
  const misplaced = PATH_MISPLACED.exec(request.url);
  const path = misplaced === null ? getPath(request) : misplaced[1];
  return path || "/";
}

/**
 * Lets a request pass when the start-up is ready and its token is verified, and
 * puts both into its context. It waits as a socket does.
 */
export function requireReady(): MiddlewareHandler<ReadyEnv> {
  return async (c, next) => {
    const { config, gate } = c.get("server");
    // Touched before the first await: a signal that nobody asked for never aborts.
    const { signal } = c.req.raw;
    const url = urlOf(c.req.raw);
    if (url === null) throw new AppError("INVALID_REQUEST", { detail: INVALID_HOST });
    const credential = readBearer(c.req.raw.headers, url);
    if (!credential.ok) {
      return problemOf(credential.error, { requestId: c.get("requestId"), ...credential });
    }
    const passage = await gate.pass({
      authenticate: (verifier) => verifier.verify(credential.token),
      // Without a listener there is no such object.
      arrivedMs: c.env?.arrivedMs,
      deadlineMs: config.startup.waitMs,
      signal,
    });
    if (passage.kind === "gone") return new Response(null, { status: 499 });
    if (passage.kind === "refused") return refuse(c, passage.error);
    const { verdict, principal } = passage;
    if (verdict.kind !== "ready") return refuse(c, refusalOf(verdict));
    const { services } = verdict.ready;
    if (!services.available()) {
      return refuse(c, new AppError("STORE_UNAVAILABLE"));
    }
    c.set("principal", principal);
    c.set("services", services);
    return await next();
  };
}

function refuse(c: Context<ReadyEnv>, error: AppError): Response {
  return problemOf(error, { requestId: c.get("requestId"), headers: challengeFor(error) });
}
