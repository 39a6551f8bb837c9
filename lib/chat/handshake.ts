/**
 * The checks of the WebSocket handshake, in the order of the protocol document,
 * as pure functions: the route asks about draining and memory between
 * {@linkcode checkUpgrade} and {@linkcode checkOrigin}.
 *
 * What passes here never makes `Deno.upgradeWebSocket` throw.
 *
 * @module
 */
import { BEARER_PROTOCOL_PREFIX, readCredential } from "../auth/credentials.ts";
import { originAllowed, type OriginRules } from "../auth/origin.ts";
import { type Refusal, refuse } from "../auth/refusal.ts";
import { SUBPROTOCOL } from "./protocol.ts";

export type { Refusal };

/** A check that passed and has nothing to tell. */
export interface Passed {
  /** Tells it from a refusal. */
  readonly ok: true;
}

/** What the handshake asks for: a subprotocol, if any, and a token that is not yet verified. */
export interface Handshake {
  /** Tells it from a refusal. */
  readonly ok: true;
  /** To be echoed; `undefined` where the client offered none. */
  readonly protocol: typeof SUBPROTOCOL | undefined;
  /** For the verifier. */
  readonly token: string;
}

const PASSED: Passed = { ok: true };

/** What a client must send to get on (RFC 9110 §15.5.22, RFC 6455 §4.4). */
const UPGRADE_HEADERS = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
} as const;

/** Base64 of 16 bytes (RFC 6455 §4.1). */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;

/** A token of RFC 9110 §5.6.2: what a subprotocol's name is made of (RFC 6455 §4.1). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Step 1: whether this is a well-formed upgrade to WebSocket version 13 at all. */
export function checkUpgrade(
  { method, headers }: { readonly method: string; readonly headers: Headers },
): Passed | Refusal {
  if (method !== "GET") return refuse("METHOD_NOT_ALLOWED", { headers: { Allow: "GET" } });
  if (!listHas(headers.get("upgrade"), "websocket")) {
    return refuse("UPGRADE_REQUIRED", { headers: UPGRADE_HEADERS });
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return refuse("UPGRADE_REQUIRED", {
      detail: "Sec-WebSocket-Version must be 13",
      headers: UPGRADE_HEADERS,
    });
  }
  if (!WEBSOCKET_KEY.test(headers.get("sec-websocket-key") ?? "")) {
    return malformed("Sec-WebSocket-Key must be the base64 of 16 bytes");
  }
  if (!listHas(headers.get("connection"), "upgrade")) {
    return malformed("Connection must name Upgrade");
  }
  const protocols = offeredProtocols(headers);
  if (!protocols.every((name) => TOKEN.test(name))) {
    return malformed("Sec-WebSocket-Protocol must be a list of tokens");
  }
  // Two equal credentials are two credentials: step 5 tells of them.
  const names = protocols.filter((name) => !name.startsWith(BEARER_PROTOCOL_PREFIX));
  if (new Set(names).size !== names.length) {
    return malformed("Sec-WebSocket-Protocol must not name a subprotocol twice");
  }
  return PASSED;
}

/** Step 3: an `Origin` that is present must be allowed. Without one this is no browser. */
export function checkOrigin(headers: Headers, rules: OriginRules): Passed | Refusal {
  const origin = headers.get("origin");
  if (origin === null || originAllowed(origin, headers.get("host"), rules)) return PASSED;
  return refuse("ORIGIN_NOT_ALLOWED");
}

/**
 * Steps 4 and 5: chooses the subprotocol and finds the one credential.
 *
 * The headers must have passed {@linkcode checkUpgrade}; the token is still to
 * be verified.
 */
export function readHandshake(headers: Headers, url: URL): Handshake | Refusal {
  const protocols = offeredProtocols(headers);
  if (protocols.length > 0 && !protocols.includes(SUBPROTOCOL)) {
    return refuse("UNSUPPORTED_PROTOCOL");
  }
  const credential = readCredential(headers, url, protocols);
  if (!credential.ok) return credential;
  const protocol = protocols.length > 0 ? SUBPROTOCOL : undefined;
  return { ok: true, protocol, token: credential.token };
}

/**
 * Makes `request` offer exactly `protocol`, in place, right before it is
 * upgraded; returns it.
 *
 * Deno splits the offer on `", "` alone and would throw for `a,b`, which is
 * legal and what the `ws` package sends. A copy made by `new Request` is no way
 * out: it answers 101, but its socket never opens (Deno 2.5.0 to 2.9.6).
 */
export function narrowOffer<Upgradable extends { readonly headers: Headers }>(
  request: Upgradable,
  protocol: typeof SUBPROTOCOL | undefined,
): Upgradable {
  if (protocol === undefined) return request;
  const headers = new Headers(request.headers);
  headers.set("sec-websocket-protocol", protocol);
  return Object.defineProperty(request, "headers", { value: headers });
}

/** The offered subprotocols as they came; empty where the header is missing. */
function offeredProtocols(headers: Headers): readonly string[] {
  return split(headers.get("sec-websocket-protocol"));
}

function listHas(header: string | null, token: string): boolean {
  return split(header).some((element) => element.toLowerCase() === token);
}

/** The elements of a list (RFC 9110 §5.6.1), white space around them taken off, empty ones kept. */
function split(header: string | null): readonly string[] {
  return header === null
    ? []
    : header.split(",").map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ""));
}

function malformed(detail: string): Refusal {
  return refuse("INVALID_REQUEST", { detail });
}
