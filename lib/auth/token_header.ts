/**
 * What is checked of a token before any key is touched: its size, its shape and
 * its header.
 *
 * @module
 */
import { decodeProtectedHeader } from "jose";
import { MAX_TOKEN_BYTES } from "../limits.ts";

/** The two header parameters that choose a key. Still only claimed by the sender. */
export interface TokenHeader {
  /** One of the allowed algorithms. */
  readonly alg: string;
  /** The name of the key, where the sender gives one. */
  readonly kid?: string;
}

/** The header, or why the token is refused: a fixed text for the logs, without a byte of the token. */
export type HeaderCheck =
  | { readonly ok: true; readonly header: TokenHeader }
  | { readonly ok: false; readonly reason: string };

/**
 * One base64url part: no padding, and no bits in its last character that decode
 * to nothing (RFC 4648 §3.5), so that a token has one spelling only.
 */
const PART =
  /^(?=.)(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;

/** Headers that are remembered: an issuer has one for each of its keys. */
const MAX_KNOWN_HEADERS = 16;

/**
 * Reads the header of a compact JWS (RFC 7515 §7.1).
 *
 * Any `crit` is refused, since no extension is implemented (RFC 7515 §4.1.11),
 * and so is any `b64` (RFC 7797 §7). `jwk`, `jku`, `x5u` and `x5c` are not looked at.
 *
 * @param known Good headers by their encoded form: an issuer sends the same one with every token.
 */
export function readHeader(
  token: string,
  algorithms: ReadonlySet<string>,
  known: Map<string, HeaderCheck> = new Map(),
): HeaderCheck {
  if (token.length > MAX_TOKEN_BYTES) return refused("too large");
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => PART.test(part))) {
    return refused("no compact JWS");
  }
  const before = known.get(parts[0]!);
  if (before !== undefined) return before;
  const checked = checkHeader(token, algorithms);
  if (checked.ok && known.size < MAX_KNOWN_HEADERS) known.set(parts[0]!, checked);
  return checked;
}

function checkHeader(token: string, algorithms: ReadonlySet<string>): HeaderCheck {
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    // What was thrown may quote the token.
    return refused("the header is no JSON object");
  }
  const { alg, kid } = header;
  if (typeof alg !== "string" || !algorithms.has(alg)) return refused("alg is not allowed");
  if (Object.hasOwn(header, "crit")) return refused("crit is not supported");
  if (Object.hasOwn(header, "b64")) return refused("b64 is not supported");
  if (kid === undefined) return { ok: true, header: { alg } };
  return typeof kid === "string" ? { ok: true, header: { alg, kid } } : refused("kid is no string");
}

function refused(reason: string): HeaderCheck {
  return { ok: false, reason };
}
