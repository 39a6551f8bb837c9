/**
 * Finds the one credential of a request. Whether it is worth anything is the
 * verifier's affair.
 *
 * @module
 */
import { challenge, type Refusal, refuse } from "./refusal.ts";

/** The token as it came, unverified, or why none is taken. */
export type CredentialCheck = { readonly ok: true; readonly token: string } | Refusal;

/** How a browser offers its token, which cannot set a header: `bearer.<jwt>` as a subprotocol. */
export const BEARER_PROTOCOL_PREFIX = "bearer.";

/** Query names that are taken for a credential: a URL ends up in logs and histories (RFC 6750 §5.3). */
const CREDENTIAL_QUERY_NAMES: ReadonlySet<string> = new Set([
  "token",
  "access_token",
  "jwt",
  "bearer",
  "ticket",
]);

/** `Bearer` and one `b64token` (RFC 6750 §2.1), the scheme in any case (RFC 9110 §11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Takes the token of `Authorization: Bearer`, for requests that are no
 * handshake.
 *
 * Refused with 401 `UNAUTHENTICATED` where there is none, where the header is
 * anything else, and where the URL holds a credential, even beside a good one.
 */
export function readBearer(headers: Headers, url: URL): CredentialCheck {
  return readCredential(headers, url, []);
}

/**
 * Takes the one token of `Authorization: Bearer` or of the offered
 * subprotocols, for the WebSocket handshake.
 *
 * Refused as by {@linkcode readBearer}, and where there are two, be they equal.
 * An `Authorization` of another scheme counts as one: none is overlooked.
 */
export function readCredential(
  headers: Headers,
  url: URL,
  protocols: readonly string[],
): CredentialCheck {
  if (url.search !== "" && [...url.searchParams.keys()].some(isCredential)) {
    return badRequest("A credential in the URL is refused: send it in a header");
  }
  const authorization = headers.get("authorization");
  const offered = protocols.filter((name) => name.startsWith(BEARER_PROTOCOL_PREFIX));
  const count = offered.length + (authorization === null ? 0 : 1);
  if (count === 0) return refuse("UNAUTHENTICATED", { headers: challenge() });
  if (count > 1) return badRequest("Exactly one credential is required");

  const token = authorization === null
    ? offered[0]!.slice(BEARER_PROTOCOL_PREFIX.length)
    : BEARER.exec(authorization)?.[1] ?? "";
  return token === "" ? badRequest("The credential is malformed") : { ok: true, token };
}

function isCredential(name: string): boolean {
  return CREDENTIAL_QUERY_NAMES.has(name.toLowerCase());
}

function badRequest(detail: string): Refusal {
  return refuse("UNAUTHENTICATED", { detail, headers: challenge("invalid_request") });
}
