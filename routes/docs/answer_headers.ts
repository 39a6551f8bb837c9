/**
 * The headers of answers, as the OpenAPI document has them.
 *
 * @module
 */
import type { Answer } from "./operation.ts";

/** By name, for `components/headers`. */
export const HEADERS = {
  "X-Request-Id": {
    description: "Names the request in the server's log: the client's own, where it sent one.",
    required: true,
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds to wait before trying again.",
    required: true,
    schema: { type: "string", pattern: "^[0-9]+$" },
  },
  "WWW-Authenticate": {
    description: "`Bearer`, with an `error` where a credential came (RFC 6750 §3).",
    required: true,
    schema: { type: "string", pattern: "^Bearer " },
  },
  "Allow": {
    description: "The methods that the path has.",
    required: true,
    schema: { type: "string" },
  },
  "ETag": {
    description: "This version of it, for `If-None-Match`.",
    required: true,
    schema: { type: "string" },
  },
  "Cache-Control": { required: true, schema: { type: "string" } },
  "X-Vercel-AI-UI-Message-Stream": {
    description: "The version of the AI SDK's protocol.",
    required: true,
    schema: { type: "string", const: "v1" },
  },
  "Upgrade": { required: true, schema: { type: "string", const: "websocket" } },
  "Sec-WebSocket-Protocol": {
    description: "The one subprotocol, where any were offered.",
    required: false,
    schema: { type: "string", const: "drawbridge.v1" },
  },
  "Sec-WebSocket-Version": {
    description: "The one version.",
    required: true,
    schema: { type: "string", const: "13" },
  },
} as const;

type HeaderName = keyof typeof HEADERS;

/** References to the headers of an answer that is no error. */
export function answerHeaders({ status, headers = [] }: Answer): Record<string, unknown> {
  return references(status === 101 ? headers : ["X-Request-Id", ...headers]);
}

/** References to the headers of a problem document. */
export function problemHeaders(status: number): Record<string, unknown> {
  const names: readonly HeaderName[] = BY_STATUS[status] ?? [];
  return references(["X-Request-Id", "Cache-Control", ...names]);
}

const BY_STATUS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ["WWW-Authenticate"],
  405: ["Allow"],
  426: ["Sec-WebSocket-Version", "Upgrade"],
  429: ["Retry-After"],
  503: ["Retry-After"],
};

function references(names: readonly HeaderName[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
