/**
 * A JSON Web Key Set (RFC 7517): how it is fetched, and which of its keys can
 * verify a signature.
 *
 * @module
 */
import { createLocalJWKSet, type JWK } from "jose";
import { MIN_RSA_BITS } from "../limits.ts";

/** Longest fetch of a set, its body included, milliseconds. */
export const JWKS_TIMEOUT_MS = 5_000;

/** Largest body of a set, bytes; a set of a hundred RSA keys with certificates is half of it. */
export const MAX_JWKS_BYTES = 256 * 1024;

/** One key of a set, imported for one algorithm. */
export interface SetKey {
  /** Its name, where the set gives one. */
  readonly kid: string | undefined;
  /** The one algorithm that `key` was imported for. */
  readonly alg: string;
  /** A public key. */
  readonly key: CryptoKey;
}

/** What {@linkcode fetchJwks} needs besides the address. */
export interface FetchJwksOptions {
  /** Usually the platform's own. */
  readonly fetch: typeof fetch;
  /** Aborts the fetch. */
  readonly signal: AbortSignal;
}

/**
 * Fetches the set at `url` and parses its JSON; what the JSON holds is not yet
 * checked. Redirects are not followed: keys come from the configured address alone.
 *
 * @throws {Error} On a refusal, a redirect, a status other than 200, a body that is too large or no JSON.
 * @throws {DOMException} `TimeoutError` after `JWKS_TIMEOUT_MS`, or the signal's reason.
 */
export async function fetchJwks(url: string, options: FetchJwksOptions): Promise<unknown> {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new DOMException("The JWKS endpoint is silent", "TimeoutError")),
    JWKS_TIMEOUT_MS,
  );
  try {
    const response = await options.fetch(url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "error",
      signal: AbortSignal.any([options.signal, timeout.signal]),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`Cannot use the JWKS: the endpoint answered ${response.status}`);
    }
    return JSON.parse(await readText(response));
  } finally {
    clearTimeout(timer);
  }
}

/** Reads at most `MAX_JWKS_BYTES`, whatever the headers promise. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_JWKS_BYTES) {
      throw new Error(`Cannot use the JWKS: it is larger than ${MAX_JWKS_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Imports every key of a set for every allowed algorithm that it fits. Keys that
 * are not understood or not for verifying are left out (RFC 7517 §5).
 *
 * @throws {Error} Where it is no set, or no key of it is usable.
 */
export async function importJwks(
  set: unknown,
  algorithms: readonly string[],
): Promise<readonly SetKey[]> {
  if (!isObject(set) || !Array.isArray(set.keys)) {
    throw new Error("Cannot use the JWKS: it is no JSON Web Key Set");
  }
  const keys: SetKey[] = [];
  for (const jwk of set.keys.filter(isJwk)) {
    // A set of one: the library then judges `use`, `key_ops`, `alg` and the curve of this key alone.
    const resolve = createLocalJWKSet({ keys: [jwk] });
    for (const alg of algorithms) {
      const key = await resolve({ alg }).catch(() => undefined);
      if (key !== undefined && await isUsable(key)) keys.push({ kid: jwk.kid, alg, key });
    }
  }
  if (keys.length === 0) {
    throw new Error(`Cannot use the JWKS: no key in it fits ${algorithms.join(", ")}`);
  }
  return keys;
}

/**
 * Whether an imported public key can verify anything: 2048 bits where it is RSA,
 * and a point on its curve. Deno imports any point and notices at the first use.
 */
export async function isUsable(key: CryptoKey): Promise<boolean> {
  const { algorithm } = key;
  if ("modulusLength" in algorithm && Number(algorithm.modulusLength) < MIN_RSA_BITS) return false;
  const parameters = { ...algorithm, hash: "SHA-256", saltLength: 32 };
  return await crypto.subtle.verify(parameters, key, new Uint8Array(64), new Uint8Array())
    .then(() => true, () => false);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isJwk(value: unknown): value is JWK {
  return isObject(value) && typeof value.kty === "string" &&
    (value.kid === undefined || typeof value.kid === "string");
}
