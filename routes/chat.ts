/**
 * The WebSocket handshake: every check, the gate, and the one upgrade.
 *
 * @module
 */
import type { Context } from "hono";
import type { Principal } from "../lib/auth/principal.ts";
import { challengeFor } from "../lib/auth/refusal.ts";
import {
  checkOrigin,
  checkUpgrade,
  type Handshake,
  narrowOffer,
  readHandshake,
  type Refusal,
} from "../lib/chat/handshake.ts";
import { AppError } from "../lib/errors.ts";
import type { Services } from "../lib/services.ts";
import type { Passage } from "../lib/startup/passage.ts";
import { refusalOf } from "../lib/startup/refusal.ts";
import type { ServerContext } from "../lib/server_context.ts";
import { transportSecurity } from "../lib/security_headers.ts";
import { inRequest } from "../lib/observe/log_context.ts";
import { requestIdOf } from "../lib/request_id.ts";
import { describeRequest, INVALID_HOST, type ServerEnv, urlOf } from "./context.ts";
import { MEMORY_RETRY_MS, problemOf } from "./problem.ts";
import { ServedSocket } from "./served_socket.ts";

/** Silence after which the platform pings, and then closes with 1001, seconds. */
const IDLE_TIMEOUT_SECONDS = 30;

/** A handshake that may go to the gate. */
interface Knock {
  readonly server: ServerContext;
  readonly request: Request;
  readonly requestId: string;
  readonly protocol: Handshake["protocol"];
}

/**
 * Answers `/ws`. No middleware may touch the response: on Deno 2.5 that kills
 * the server after an upgrade. Never rejects.
 */
export function handleHandshake(
  { req: { raw: request }, env, var: { server } }: Pick<Context<ServerEnv>, "req" | "env" | "var">,
): Response | Promise<Response> {
  const requestId = requestIdOf(request.headers);
  if (server.tracing.isOn) {
    describeRequest(server.tracing, { requestId, method: request.method, route: "/ws" });
  }
  const handshake = check(request, server);
  if (!handshake.ok) return refuse(server, requestId, handshake.error, handshake.headers);
  const { token, protocol } = handshake;
  const knock = { server, request, requestId, protocol };
  return admit(knock, { token, arrivedMs: env?.arrivedMs });
}

/** Steps 1 to 5, but for the token itself. */
function check(request: Request, server: ServerContext): Handshake | Refusal {
  const upgradable = checkUpgrade(request);
  if (!upgradable.ok) return upgradable;
  const url = urlOf(request);
  if (url === null) return refusal(new AppError("INVALID_REQUEST", { detail: INVALID_HOST }));
  if (server.gate.draining) return refusal(refusalOf({ kind: "draining" }));
  if (server.memory.over) {
    return refusal(new AppError("ADMISSION_FULL", { retryAfterMs: MEMORY_RETRY_MS }));
  }
  const { config } = server;
  const origin = checkOrigin(request.headers, {
    allowedOrigins: config.allowedOrigins,
    allowLocalhost: config.allowLocalhostOrigins,
  });
  return origin.ok ? readHandshake(request.headers, url) : origin;
}

function refusal(error: AppError): Refusal {
  return { ok: false, error, headers: challengeFor(error) };
}

function refuse(
  server: ServerContext,
  requestId: string,
  error: AppError,
  headers: Readonly<Record<string, string>> = challengeFor(error),
): Response {
  server.metrics.record("gate_refusals_total", { code: error.code });
  return problemOf(error, {
    requestId,
    headers: { ...transportSecurity(server.config.appEnv), ...headers },
  });
}

/**
 * Steps 5 to 7: the gate, and the upgrade. Thousands may wait here: for each, no more than `knock`
 * is kept, and the request is named for the logs only where something is done for it.
 */
function admit(
  knock: Knock,
  { token, arrivedMs }: { readonly token: string; readonly arrivedMs: number | undefined },
): Promise<Response> {
  const { server, request } = knock;
  // Touched before anything is awaited: a signal that nobody asked for never aborts.
  const { signal } = request;
  const passed = server.gate.pass<Principal>({
    authenticate: (verifier) => inRequest(knock.requestId, () => verifier.verify(token)),
    arrivedMs,
    deadlineMs: server.config.startup.waitMs,
    signal,
  });
  // Named for all that the socket does later, too.
  return passed.then((passage) => inRequest(knock.requestId, () => answer(knock, passage)));
}

function answer(
  { server, request, requestId, protocol }: Knock,
  passage: Passage<Services, Principal>,
): Response {
  if (passage.kind === "gone") return new Response(null, { status: 499 });
  if (passage.kind === "refused") return refuse(server, requestId, passage.error);
  const connection = server.connections.tryTake(passage.principal.subject);
  if (connection === null) {
    return refuse(server, requestId, new AppError("TOO_MANY_CONNECTIONS"));
  }

  // Asked last: a client that has left would get a socket without events. After an upgrade
  // or an answer the signal says nothing: by default it aborts then, too.
  if (request.signal.aborted) {
    connection.release();
    return new Response(null, { status: 499 });
  }
  try {
    const { socket, response } = Deno.upgradeWebSocket(narrowOffer(request, protocol), {
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      ...(protocol === undefined ? {} : { protocol }),
    });
    ServedSocket.serve(socket, { server, requestId, connection, admitted: passage });
    return response;
  } catch (cause) {
    connection.release();
    server.log.error("A checked handshake could not be upgraded", { requestId, error: cause });
    return refuse(server, requestId, new AppError("INVALID_REQUEST", { cause }));
  }
}
