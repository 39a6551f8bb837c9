/**
 * A JWKS endpoint that keeps everybody waiting until it is told to answer. Needs
 * `net`.
 *
 * @module
 */
import { makeKeys, mintWith, type SigningKeys } from "../support/tokens.ts";

/** The endpoint. `await using` ends it. */
export class HeldJwks implements AsyncDisposable {
  readonly #keys: SigningKeys;
  readonly #released = Promise.withResolvers<void>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(keys: SigningKeys) {
    this.#keys = keys;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
      await this.#released.promise;
      return Response.json({ keys: [keys.jwk] }, { headers: { connection: "close" } });
    });
  }

  /** Makes a key and an endpoint that holds it back. */
  static async start(): Promise<HeldJwks> {
    return new HeldJwks(await makeKeys("ES256", "held"));
  }

  /** The environment of a server that is to use it. */
  get env(): Readonly<Record<string, string>> {
    return { JWT_SECRET: "", JWT_JWKS_URL: `http://127.0.0.1:${this.#server.addr.port}/jwks.json` };
  }

  /** A token that verifies once the key is out. */
  token(sub: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return mintWith(this.#keys, { sub, ...claims });
  }

  /** Answers those who wait, and everybody from now on. */
  release(): void {
    this.#released.resolve();
  }

  /** Answers and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#server.shutdown();
  }
}
