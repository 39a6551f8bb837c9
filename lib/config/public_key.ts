/**
 * Checks `JWT_PUBLIC_KEY` before the server listens, and says which algorithms it fits.
 *
 * @module
 */
import { MIN_RSA_BITS } from "../limits.ts";
import { parseSpki, type SpkiKey } from "./spki.ts";

/** A checked key, or that it is none. */
export type PublicKeyCheck =
  | {
    readonly ok: true;
    /** The key with its line breaks in place. */
    readonly pem: string;
    /** The algorithms that it can verify, at least one (RFC 7518 §3.1, RFC 8037 §3.1). */
    readonly algorithms: readonly string[];
  }
  | { readonly ok: false };

const CURVE_ALGORITHMS = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" } as const;

/**
 * Checks an SPKI PEM (RFC 7468 §13). Its line breaks may be real, written as
 * `\n`, or lost to spaces.
 *
 * A private key, a certificate and a PKCS #1 key are none: a private key has no
 * place here, and the others are not what the keys are imported from.
 */
export function checkPublicKey(text: string): PublicKeyCheck {
  const match = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/
    .exec(text.replaceAll("\\r", "").replaceAll("\\n", "\n").trim());
  const base64 = match?.[1]?.replace(/\s+/g, "") ?? "";
  const der = decodeBase64(base64);
  const key = der === undefined ? undefined : parseSpki(der);
  const algorithms = key === undefined ? [] : algorithmsOf(key);
  if (algorithms.length === 0) return { ok: false };
  const lines = base64.match(/.{1,64}/g) ?? [];
  const pem = ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----", ""].join("\n");
  return { ok: true, pem, algorithms };
}

function algorithmsOf(key: SpkiKey): readonly string[] {
  switch (key.kind) {
    case "rsa":
      return key.modulusBits < MIN_RSA_BITS
        ? []
        : ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    case "ec":
      return [CURVE_ALGORITHMS[key.curve]];
    case "ed25519":
      return ["EdDSA", "Ed25519"];
    default:
      return key satisfies never;
  }
}

function decodeBase64(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined; // not base64: the caller's check fails
  }
}
