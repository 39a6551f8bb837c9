/**
 * The rules for the claims of a token whose signature has been verified.
 *
 * @module
 */
import { CLAIM_SKEW_SECONDS, MAX_EXP_SECONDS, MAX_SUBJECT_LENGTH } from "../limits.ts";

/** What the claims must say besides being in time. */
export interface ClaimRules {
  /** The exact `iss`; not checked where left out. */
  readonly issuer?: string;
  /** The exact `aud`, alone or among others (RFC 7519 §4.1.3); not checked where left out. */
  readonly audience?: string;
}

/** What is taken from the claims, or why they are refused: a fixed text, without a claim's value. */
export type ClaimsCheck =
  | { readonly ok: true; readonly subject: string; readonly expiresAtMs: number }
  | {
    readonly ok: false;
    readonly code: "UNAUTHENTICATED" | "TOKEN_EXPIRED";
    readonly reason: string;
  };

/**
 * Checks the payload of a verified token against `rules` at `nowMs`.
 *
 * `exp` gets no leeway; `nbf` and `iat` get `CLAIM_SKEW_SECONDS`. Expiry is
 * judged last, so that `TOKEN_EXPIRED` says that nothing else is wrong and a
 * fresh token of the same kind would pass.
 */
export function checkClaims(payload: Uint8Array, rules: ClaimRules, nowMs: number): ClaimsCheck {
  const claims = parseClaims(payload);
  if (claims === null) return refused("the claims are no JSON object");
  const { sub, exp, iss, aud, nbf, iat } = claims;

  if (typeof sub !== "string" || sub === "" || sub.length > MAX_SUBJECT_LENGTH) {
    return refused("sub is missing or out of bounds");
  }
  // Lone surrogates all become U+FFFD in UTF-8: two subjects would share one store key.
  if (!sub.isWellFormed()) return refused("sub is not well formed");
  if (typeof exp !== "number" || exp > MAX_EXP_SECONDS) {
    return refused("exp is missing or out of bounds");
  }
  if (rules.issuer !== undefined && iss !== rules.issuer) return refused("iss is another");
  if (rules.audience !== undefined && !names(aud, rules.audience)) return refused("aud is another");
  const latestMs = nowMs + CLAIM_SKEW_SECONDS * 1000;
  if (nbf !== undefined && !isBy(nbf, latestMs)) return refused("nbf is no time or in the future");
  if (iat !== undefined && !isBy(iat, latestMs)) return refused("iat is no time or in the future");

  if (exp * 1000 <= nowMs) return { ok: false, code: "TOKEN_EXPIRED", reason: "expired" };
  return { ok: true, subject: sub, expiresAtMs: Math.floor(exp * 1000) };
}

/** A byte order mark is kept, so that JSON.parse refuses it (RFC 8259 §8.1). */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseClaims(payload: Uint8Array): Readonly<Record<string, unknown>> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(payload));
  } catch {
    // What was thrown may quote the claims.
    return null;
  }
  return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
    ? { ...parsed }
    : null;
}

function names(aud: unknown, audience: string): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.every((member) => typeof member === "string") && aud.includes(audience);
}

function isBy(seconds: unknown, latestMs: number): boolean {
  return typeof seconds === "number" && seconds * 1000 <= latestMs;
}

function refused(reason: string): ClaimsCheck {
  return { ok: false, code: "UNAUTHENTICATED", reason };
}
