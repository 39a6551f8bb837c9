/**
 * The rules for keys and claims: exactly one kind of key, and algorithms of that kind only.
 *
 * @module
 */
import { checkPublicKey } from "./public_key.ts";
import type { EnvironmentReader } from "./reader.ts";

/** Where the keys come from: exactly one kind. */
export type KeyConfig =
  | { readonly kind: "secret"; readonly secret: string; readonly previous?: string }
  | { readonly kind: "public"; readonly pem: string }
  | { readonly kind: "jwks"; readonly url: string };

/** What a token must be to be believed. */
export interface AuthConfig {
  /** Where the keys come from. */
  readonly keys: KeyConfig;
  /** The allow-list of `alg`, never empty, of the keys' kind. */
  readonly algorithms: readonly string[];
  /** The exact `iss`; always there in staging and production. */
  readonly issuer?: string;
  /** The exact `aud`; always there in staging and production. */
  readonly audience?: string;
}

/** Shortest HMAC secret, bytes: the output of SHA-256 (RFC 7518 §3.2). */
const MIN_SECRET_BYTES = 32;

/** HMAC names (RFC 7518 §3.2). */
const SECRET_ALGORITHMS: readonly string[] = ["HS256", "HS384", "HS512"];

/** Signature names (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
const PUBLIC_ALGORITHMS: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** What is allowed where a public key or a JWKS is set and nothing is named. */
const DEFAULT_PUBLIC_ALGORITHMS: readonly string[] = ["RS256", "ES256", "EdDSA"];

/** What the reader of keys needs besides the environment. */
export interface AuthReadOptions {
  /** Development and test: a key and the claims may be left out. */
  readonly lenient: boolean;
  /** Takes what the operator should know, one sentence each. */
  readonly warn: (warning: string) => void;
}

/** Reads all of `JWT_*`; `undefined` where the reader has noted a fault of the keys. */
export function readAuth(
  reader: EnvironmentReader,
  options: AuthReadOptions,
): AuthConfig | undefined {
  const keys = readKeys(reader, options);
  const algorithms = readAlgorithms(reader, keys);
  const issuer = readClaim(reader, "JWT_ISSUER", options);
  const audience = readClaim(reader, "JWT_AUDIENCE", options);
  if (keys === undefined) return undefined;
  return {
    keys,
    algorithms,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
}

function readKeys(reader: EnvironmentReader, options: AuthReadOptions): KeyConfig | undefined {
  const kinds = (["JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL"] as const)
    .filter((name) => isSet(reader, name));
  const secret = readSecret(reader, "JWT_SECRET");
  const previous = readSecret(reader, "JWT_SECRET_PREVIOUS");
  const pem = readPem(reader);
  const url = reader.httpUrl("JWT_JWKS_URL");
  if (isSet(reader, "JWT_SECRET_PREVIOUS") && !kinds.includes("JWT_SECRET")) {
    reader.fault("JWT_SECRET_PREVIOUS", "must be set only beside JWT_SECRET");
  }
  if (kinds.length > 1) {
    const others = kinds.slice(1).join(" and ");
    reader.fault(kinds[0]!, `must not be set beside ${others}: exactly one kind of key is allowed`);
    return undefined;
  }
  if (secret !== undefined) {
    return previous === undefined
      ? { kind: "secret", secret }
      : { kind: "secret", secret, previous };
  }
  if (pem !== undefined) return { kind: "public", pem };
  if (url !== undefined) return { kind: "jwks", url };
  return kinds.length === 0 ? withoutKeys(reader, options) : undefined;
}

function withoutKeys(reader: EnvironmentReader, options: AuthReadOptions): KeyConfig | undefined {
  if (!options.lenient) {
    reader.fault(
      "JWT_SECRET",
      "must be at least 32 bytes of UTF-8, unless JWT_JWKS_URL or JWT_PUBLIC_KEY is set: " +
        "exactly one kind of key is required",
    );
    return undefined;
  }
  options.warn(
    "JWT_SECRET is not set: tokens are signed with a random secret and end with this process",
  );
  const random = crypto.getRandomValues(new Uint8Array(MIN_SECRET_BYTES));
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { kind: "secret", secret: hex };
}

function readSecret(
  reader: EnvironmentReader,
  name: "JWT_SECRET" | "JWT_SECRET_PREVIOUS",
): string | undefined {
  const secret = reader.exact(name);
  if (secret === undefined) return undefined;
  if (new TextEncoder().encode(secret).length >= MIN_SECRET_BYTES) return secret;
  reader.fault(name);
  return undefined;
}

/** The PEM, once it is known to fit an allowed algorithm. */
function readPem(reader: EnvironmentReader): string | undefined {
  const text = reader.text("JWT_PUBLIC_KEY");
  if (text === undefined) return undefined;
  const checked = checkPublicKey(text);
  if (!checked.ok) {
    reader.fault("JWT_PUBLIC_KEY");
    return undefined;
  }
  const named = reader.list("JWT_ALGORITHMS");
  const allowed = named.length === 0 ? DEFAULT_PUBLIC_ALGORITHMS : named;
  const isPublic = allowed.every((name) => PUBLIC_ALGORITHMS.includes(name));
  if (isPublic && !checked.algorithms.some((name) => allowed.includes(name))) {
    const fitting = checked.algorithms.join(", ");
    reader.fault("JWT_PUBLIC_KEY", `must fit JWT_ALGORITHMS: this kind of key needs ${fitting}`);
  }
  return checked.pem;
}

function readAlgorithms(
  reader: EnvironmentReader,
  keys: KeyConfig | undefined,
): readonly string[] {
  const named = [...new Set(reader.list("JWT_ALGORITHMS"))];
  if (named.length === 0) {
    if (reader.has("JWT_ALGORITHMS")) reader.fault("JWT_ALGORITHMS");
    return keys?.kind === "secret" ? ["HS256"] : DEFAULT_PUBLIC_ALGORITHMS;
  }
  if (!named.every((name) => allowedAlgorithms(reader, keys).includes(name))) {
    reader.fault("JWT_ALGORITHMS");
  }
  return named;
}

/** The names of the keys' kind, which is known from what is set, also where the key is at fault. */
function allowedAlgorithms(
  reader: EnvironmentReader,
  keys: KeyConfig | undefined,
): readonly string[] {
  const isPublic = isSet(reader, "JWT_PUBLIC_KEY") || isSet(reader, "JWT_JWKS_URL");
  const isSecret = isSet(reader, "JWT_SECRET") || keys?.kind === "secret";
  if (isSecret === isPublic) return [...SECRET_ALGORITHMS, ...PUBLIC_ALGORITHMS];
  return isSecret ? SECRET_ALGORITHMS : PUBLIC_ALGORITHMS;
}

/** A secret's spaces count, so that one of spaces is a short secret rather than none. */
function isSet(
  reader: EnvironmentReader,
  name: "JWT_SECRET" | "JWT_SECRET_PREVIOUS" | "JWT_PUBLIC_KEY" | "JWT_JWKS_URL",
): boolean {
  const isSecret = name === "JWT_SECRET" || name === "JWT_SECRET_PREVIOUS";
  return (isSecret ? reader.exact(name) : reader.text(name)) !== undefined;
}

function readClaim(
  reader: EnvironmentReader,
  name: "JWT_ISSUER" | "JWT_AUDIENCE",
  { lenient }: AuthReadOptions,
): string | undefined {
  const claim = reader.text(name);
  if (claim === undefined && !lenient) reader.fault(name);
  return claim;
}
