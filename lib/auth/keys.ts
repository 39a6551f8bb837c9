/**
 * Loads the keys that verify tokens: imports those that the configuration holds
 * itself, fetches the others.
 *
 * @module
 */
import { importSPKI } from "jose";
import { isUsable } from "./jwks.ts";
import type { KeyOptions, KeySource } from "./key_source.ts";
import { loadRemoteKeys } from "./remote_keys.ts";

export type { KeyOptions, KeySource };

/** Hashes of the HMAC algorithms (RFC 7518 §3.2). */
const HMAC_HASHES: Readonly<Record<string, string>> = {
  HS256: "SHA-256",
  HS384: "SHA-384",
  HS512: "SHA-512",
};

/**
 * Imports or fetches the keys, once; no request imports any.
 *
 * @throws {Error} Where a key fits no allowed algorithm, or the set cannot be fetched.
 * @throws The signal's reason, where it aborts.
 */
export async function loadKeys(
  options: KeyOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<KeySource> {
  signal.throwIfAborted();
  switch (options.kind) {
    case "secret":
      return fixedKeys(await importSecrets(options));
    case "public":
      return fixedKeys(await importPublicKey(options));
    case "jwks":
      return await loadRemoteKeys(options, { signal });
    default:
      return options satisfies never;
  }
}

type KeysByAlgorithm = ReadonlyMap<string, readonly CryptoKey[]>;

function fixedKeys(keys: KeysByAlgorithm): KeySource {
  return {
    candidates: ({ alg }) => Promise.resolve(keys.get(alg) ?? []),
    close: () => {},
  };
}

async function importSecrets(
  { secret, previous, algorithms }: Extract<KeyOptions, { kind: "secret" }>,
): Promise<KeysByAlgorithm> {
  const secrets = previous === undefined ? [secret] : [secret, previous];
  const keys = new Map<string, readonly CryptoKey[]>();
  for (const algorithm of algorithms) {
    const hash = HMAC_HASHES[algorithm];
    if (hash === undefined) {
      throw new Error(`Cannot load the secret: ${algorithm} is no HMAC algorithm`);
    }
    const imported = secrets.map((text) =>
      crypto.subtle.importKey(
        "raw",
        new TextEncoder().encode(text),
        { name: "HMAC", hash },
        false,
        ["verify"],
      )
    );
    keys.set(algorithm, await Promise.all(imported));
  }
  return keys;
}

async function importPublicKey(
  { pem, algorithms }: Extract<KeyOptions, { kind: "public" }>,
): Promise<KeysByAlgorithm> {
  const keys = new Map<string, readonly CryptoKey[]>();
  const faults: unknown[] = [];
  for (const algorithm of algorithms) {
    try {
      const key = await importSPKI(pem.trim(), algorithm, { extractable: false });
      if (await isUsable(key)) keys.set(algorithm, [key]);
    } catch (error) {
      faults.push(error);
    }
  }
  if (keys.size === 0) {
    throw new Error(`Cannot load the public key: it fits none of ${algorithms.join(", ")}`, {
      cause: new AggregateError(faults),
    });
  }
  return keys;
}
