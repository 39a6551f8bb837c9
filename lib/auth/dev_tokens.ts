/**
 * Tokens for development and test, so that the chat page works without an
 * identity provider. Never constructed in staging and production.
 *
 * @module
 */
import { SignJWT } from "jose";
import { AppError } from "../errors.ts";
import type { DevToken } from "../http/dev_token.ts";
import { MAX_SUBJECT_LENGTH } from "../limits.ts";

/** How long a development token lives, seconds. */
export const DEV_TOKEN_SECONDS = 3_600;

/** What the tokens are signed with and say, the same as the verifier demands. */
export interface DevTokenOptions {
  /** The current HMAC key. */
  readonly secret: string;
  /** HMAC name; `HS256` where left out. */
  readonly algorithm?: "HS256" | "HS384" | "HS512";
  /** `iss`; left out of the token where left out here. */
  readonly issuer?: string;
  /** `aud`; left out of the token where left out here. */
  readonly audience?: string;
}

/** Signs tokens for whoever asks. */
export class DevTokenIssuer {
  readonly #options: DevTokenOptions;
  readonly #secret: Uint8Array;

  /** Signs nothing yet. */
  constructor(options: DevTokenOptions) {
    this.#options = options;
    this.#secret = new TextEncoder().encode(options.secret);
  }

  /**
   * Signs a token for `subject`, good for one hour.
   *
   * @throws {AppError} `INVALID_REQUEST` where the verifier would refuse such a `sub`.
   */
  async issue(subject: string): Promise<DevToken> {
    if (subject === "" || subject.length > MAX_SUBJECT_LENGTH || !subject.isWellFormed()) {
      throw new AppError("INVALID_REQUEST", {
        detail: `sub must be 1 to ${MAX_SUBJECT_LENGTH} characters`,
      });
    }
    const { algorithm = "HS256", issuer, audience } = this.#options;
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresAt = issuedAt + DEV_TOKEN_SECONDS;
    const token = await new SignJWT({
      sub: subject,
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(audience === undefined ? {} : { aud: audience }),
      iat: issuedAt,
      exp: expiresAt,
    }).setProtectedHeader({ alg: algorithm, typ: "JWT" }).sign(this.#secret);
    return { token, expiresAt: new Date(expiresAt * 1000).toISOString() };
  }
}
