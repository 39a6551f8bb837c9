/**
 * A real KV Connect server on loopback, for tests of several instances on one database.
 *
 * @module
 */
import { eventually, orHang } from "./feed.ts";
import { findProgram, needs, type Program } from "./permissions.ts";
import { TempFolder } from "./server_process.ts";

const DENOKV: Program = {
  program: "denokv",
  aliases: [`${home()}/.cargo/bin/denokv`],
};

/** What every test that starts a database and servers on it needs. */
export const needsCluster = needs("net", "read", "write", "env", "run", "sys", DENOKV);

/** The token that its clients present; `denokv` wants 12 characters. */
export const KV_ACCESS_TOKEN = "only-for-these-tests";

/** A KV Connect server with a database of its own. `await using` ends it and removes the database. */
export class DenoKvServer implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #child: Deno.ChildProcess;
  readonly #port = freePort();

  private constructor() {
    this.#child = new Deno.Command(findProgram(DENOKV)!, {
      args: [
        "--sqlite-path",
        `${this.#folder.path}/kv.sqlite`,
        "serve",
        "--access-token",
        KV_ACCESS_TOKEN,
        "--addr",
        `127.0.0.1:${this.#port}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts it and waits until it accepts connections. */
  static async start(): Promise<DenoKvServer> {
    const server = new DenoKvServer();
    await eventually(async () => {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: server.#port })).close();
        return true;
      } catch {
        return undefined;
      }
    }, "denokv to listen");
    return server;
  }

  /** What makes a server an instance on this database. */
  get env(): Record<string, string> {
    return {
      KV_PATH: `http://127.0.0.1:${this.#port}`,
      DENO_KV_ACCESS_TOKEN: KV_ACCESS_TOKEN,
    };
  }

  /** Ends it and removes its database. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await orHang(this.#child.status, "the end of denokv");
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** A port that nobody listened on a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function home(): string {
  const permitted = Deno.permissions.querySync({ name: "env", variable: "HOME" }).state;
  return permitted === "granted" ? Deno.env.get("HOME") ?? "" : "";
}
