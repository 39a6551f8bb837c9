/**
 * Turns a token into a principal, or refuses it: the only place where a
 * principal is minted.
 *
 * @module
 */
import { compactVerify, errors } from "jose";
import { AppError } from "../errors.ts";
import { checkClaims, type ClaimRules } from "./claims.ts";
import type { KeySource } from "./key_source.ts";
import { type HeaderCheck, readHeader } from "./token_header.ts";

/** Somebody whose token has been verified. Nominal: nothing else passes for one. */
class Principal {
  /** The token's `sub`: not empty, at most 256 UTF-16 units. Owner of threads; no label and no log line. */
  readonly subject: string;
  /** The token's `exp`, milliseconds since the epoch, always a valid `Date`. */
  readonly expiresAtMs: number;
  /** Makes the type nominal: no object literal has it. */
  readonly #verified = true;

  /** Called by the verifier alone. */
  constructor(subject: string, expiresAtMs: number) {
    this.subject = subject;
    this.expiresAtMs = expiresAtMs;
    Object.freeze(this);
  }
}

export type { Principal };

/** What a {@linkcode TokenVerifier} demands of a token. */
export interface VerifierOptions extends ClaimRules {
  /** The allow-list of `alg`. */
  readonly algorithms: readonly string[];
}

/** Verifies tokens. Owns its keys: `close` closes them. */
export class TokenVerifier {
  readonly #keys: KeySource;
  readonly #algorithms: ReadonlySet<string>;
  readonly #rules: ClaimRules;
  readonly #headers = new Map<string, HeaderCheck>();

  /** Takes `keys` over. */
  constructor(keys: KeySource, { algorithms, ...rules }: VerifierOptions) {
    this.#keys = keys;
    this.#algorithms = new Set(algorithms);
    this.#rules = rules;
  }

  /**
   * Verifies `token`, which may be anything at all. No error holds any of it.
   *
   * @throws {AppError} `TOKEN_EXPIRED` where being expired is its only fault.
   * @throws {AppError} `AUTH_UNAVAILABLE` where its key is unknown and cannot be fetched now.
   * @throws {AppError} `UNAUTHENTICATED` for everything else; `cause` says why, for the logs.
   */
  async verify(token: string): Promise<Principal> {
    const checked = readHeader(token, this.#algorithms, this.#headers);
    if (!checked.ok) throw refused("UNAUTHENTICATED", checked.reason);
    const { alg } = checked.header;
    const payload = await verifySignature(token, alg, await this.#keys.candidates(checked.header));
    const claims = checkClaims(payload, this.#rules, Date.now());
    if (!claims.ok) throw refused(claims.code, claims.reason);
    return new Principal(claims.subject, claims.expiresAtMs);
  }

  /** Stops whatever the keys do in the background. Known keys go on verifying. */
  close(): void {
    this.#keys.close();
  }
}

/** Tries each key in turn and returns the payload that one of them signed. */
async function verifySignature(
  token: string,
  alg: string,
  keys: readonly CryptoKey[],
): Promise<Uint8Array> {
  for (const key of keys) {
    try {
      return (await compactVerify(token, key, { algorithms: [alg] })).payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      // The library's message is left out: it may quote the token.
      if (error instanceof errors.JOSEError) throw refused("UNAUTHENTICATED", error.code);
      throw error;
    }
  }
  throw refused("UNAUTHENTICATED", keys.length === 0 ? "no key fits" : "the signature is wrong");
}

function refused(code: "UNAUTHENTICATED" | "TOKEN_EXPIRED", reason: string): AppError {
  return new AppError(code, { cause: new Error(`Cannot accept a token: ${reason}`) });
}
