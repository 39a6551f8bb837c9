/**
 * Makes tokens, good and bad, and the keys that sign them.
 *
 * @module
 */
import { exportSPKI, type JWK } from "jose";
import { loadKeys } from "../../lib/auth/keys.ts";
import type { Principal } from "../../lib/auth/principal.ts";
import { TokenVerifier } from "../../lib/auth/verifier.ts";

/** A secret for `JWT_SECRET`, 44 bytes. */
export const TEST_SECRET = "the drawbridge stays up until it is ready :)";

/** What {@linkcode mintToken} puts into a token. */
export interface MintOptions {
  /** The HMAC key; {@linkcode TEST_SECRET} where left out. */
  readonly secret?: string;
  /** `alice` where left out. */
  readonly sub?: string;
  /** 3600 where left out; below zero the token has expired. */
  readonly expiresInSeconds?: number;
  readonly issuer?: string;
  readonly audience?: string;
  /** `HS256` where left out. */
  readonly algorithm?: HmacAlgorithm;
  /** Further claims; they win. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Further header parameters; they win. */
  readonly header?: Readonly<Record<string, unknown>>;
}

/** HMAC algorithms. */
export type HmacAlgorithm = "HS256" | "HS384" | "HS512";

/** Public key algorithms. */
export type PublicAlgorithm = "RS256" | "ES256" | "EdDSA";

/** Signs the bytes `header.payload` of a token. */
export type Signer = (input: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

/** A key pair in the forms that tests need. */
export interface SigningKeys {
  readonly alg: PublicAlgorithm;
  readonly sign: Signer;
  /** SPKI PEM for `JWT_PUBLIC_KEY`. */
  readonly pem: string;
  /** Public JWK with `kid`, `alg` and `use`, for a JWKS. */
  readonly jwk: JWK;
}

/** Mints an HMAC token that verifies unless the options say otherwise. */
export function mintToken(options: MintOptions = {}): Promise<string> {
  const { secret = TEST_SECRET, sub = "alice", expiresInSeconds = 3_600, algorithm = "HS256" } =
    options;
  const { issuer, audience } = options;
  return signToken(
    { alg: algorithm, typ: "JWT", ...options.header },
    {
      sub,
      exp: nowSeconds() + expiresInSeconds,
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(audience === undefined ? {} : { aud: audience }),
      ...options.claims,
    },
    hmacSigner(secret, algorithm),
  );
}

/** Mints a token that the owner of `keys` signed and that names them by `kid`. */
export function mintWith(
  keys: SigningKeys,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return signToken(
    { alg: keys.alg, kid: keys.jwk.kid },
    { sub: "alice", exp: nowSeconds() + 3_600, ...claims },
    keys.sign,
  );
}

/** Signs whatever header and payload: an object becomes JSON, text stays as it is. */
export async function signToken(
  header: string | object,
  payload: string | object,
  sign: Signer,
): Promise<string> {
  const input = `${encodePart(header)}.${encodePart(payload)}`;
  return `${input}.${encodePart(await sign(new TextEncoder().encode(input)))}`;
}

/** Base64url without padding: of bytes, of text as UTF-8, of an object as JSON. */
export function encodePart(part: string | object): string {
  const bytes = part instanceof Uint8Array
    ? part
    : new TextEncoder().encode(typeof part === "string" ? part : JSON.stringify(part));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A signer with an HMAC key. */
export function hmacSigner(secret: string, algorithm: HmacAlgorithm = "HS256"): Signer {
  const hash = `SHA-${algorithm.slice(2)}`;
  return async (input) => {
    const key = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret),
      { name: "HMAC", hash },
      false,
      ["sign"],
    );
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, input));
  };
}

/** Makes a fresh key pair named `kid`. */
export async function makeKeys(alg: PublicAlgorithm, kid: string): Promise<SigningKeys> {
  const pair = await generatePair(alg);
  const signing = alg === "ES256" ? { name: "ECDSA", hash: "SHA-256" } : pair.privateKey.algorithm;
  const { key_ops: _operations, ext: _extractable, ...jwk } = await crypto.subtle.exportKey(
    "jwk",
    pair.publicKey,
  );
  return {
    alg,
    sign: async (input) =>
      new Uint8Array(await crypto.subtle.sign(signing, pair.privateKey, input)),
    pem: await exportSPKI(pair.publicKey),
    jwk: { ...jwk, kty: jwk.kty ?? "", kid, alg, use: "sig" },
  };
}

/** A real principal, minted by a real verifier. */
export async function makePrincipal(
  subject: string,
  { expiresInSeconds = 3_600 }: { readonly expiresInSeconds?: number } = {},
): Promise<Principal> {
  const algorithms = ["HS256"];
  const keys = await loadKeys(
    { kind: "secret", secret: TEST_SECRET, algorithms },
    { signal: new AbortController().signal },
  );
  return await new TokenVerifier(keys, { algorithms })
    .verify(await mintToken({ sub: subject, expiresInSeconds }));
}

/** The time as tokens have it. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

async function generatePair(alg: PublicAlgorithm): Promise<CryptoKeyPair> {
  const usages: KeyUsage[] = ["sign", "verify"];
  switch (alg) {
    case "RS256":
      return await crypto.subtle.generateKey(
        {
          name: "RSASSA-PKCS1-v1_5",
          modulusLength: 2048,
          publicExponent: Uint8Array.of(1, 0, 1),
          hash: "SHA-256",
        },
        true,
        usages,
      );
    case "ES256":
      return await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, usages);
    case "EdDSA": {
      const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, usages);
      if (!("privateKey" in pair)) throw new TypeError("Cannot make an Ed25519 pair");
      return pair;
    }
  }
}
