/**
 * A place where servers come and go: one port and one database, so that a page comes back to the next.
 *
 * @module
 */
import { ServerProcess, TempFolder } from "../support/server_process.ts";

/** The place. `await using` ends its server and removes its database. */
export class Place implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #port = freePort();
  readonly #env: Readonly<Record<string, string>>;
  #server: ServerProcess | null = null;

  /** Its servers have these variables over the defaults. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  /** Where its servers listen, also while none does. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The present server. */
  get server(): ServerProcess {
    if (this.#server === null) throw new Error("No server is here");
    return this.#server;
  }

  /** Starts the next server, and waits until it listens. */
  async open(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = null;
    this.#server = await ServerProcess.start({
      env: {
        ...this.#env,
        PORT: String(this.#port),
        KV_PATH: `${this.#folder.path}/chat.db`,
        ...env,
      },
    });
    return this.#server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** A port that was free just now: the system gives it to nobody else so soon. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
