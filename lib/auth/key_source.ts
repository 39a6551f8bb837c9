/**
 * The port to the keys that verify tokens.
 *
 * @module
 */
import type { TokenHeader } from "./token_header.ts";

export type { TokenHeader };

/** Where a verifier gets its keys from. */
export interface KeySource {
  /**
   * The keys that may have signed a token with this header, the likeliest
   * first, at most `MAX_CANDIDATE_KEYS`; none where no key fits. Each is bound
   * to `header.alg`, so that no key is ever used for another algorithm.
   *
   * @throws {AppError} `AUTH_UNAVAILABLE` where the key is unknown and cannot be fetched now.
   */
  candidates(header: TokenHeader): Promise<readonly CryptoKey[]>;
  /** Stops all background work; harmless when repeated. Known keys are still given. */
  close(): void;
}

/** Which keys to load. `algorithms` is the allow-list of `alg`, never empty. */
export type KeyOptions =
  | {
    readonly kind: "secret";
    /** The HMAC key, at least 32 bytes of UTF-8. */
    readonly secret: string;
    /** The key before a rotation: also verifies, tried second. */
    readonly previous?: string;
    readonly algorithms: readonly string[];
  }
  | {
    readonly kind: "public";
    /** An SPKI PEM, `-----BEGIN PUBLIC KEY-----`. */
    readonly pem: string;
    readonly algorithms: readonly string[];
  }
  | {
    readonly kind: "jwks";
    readonly url: string;
    readonly algorithms: readonly string[];
    /** Fetches the set; the platform's `fetch` where left out. */
    readonly fetch?: typeof fetch;
    /** Learns of a later fetch that failed, for the logs; the keys so far stay in use. */
    readonly onRefreshFailed?: (error: unknown) => void;
  };
