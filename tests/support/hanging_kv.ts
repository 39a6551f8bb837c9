/**
 * An address for KV Connect whose server hangs, refuses, fails or works, and can
 * change its mind. Needs `net`; a working one needs the program `denokv`.
 *
 * @module
 */
import { eventually } from "./feed.ts";
import { findProgram, type Program } from "./permissions.ts";
import { TempFolder } from "./server_process.ts";

/** The database server that Deno publishes. */
export const DENOKV: Program = { program: "denokv" };

/** The access token of every address here. */
export const KV_TOKEN = "a token for tests of the database";

/**
 * How connections are met: accepted and never answered, refused, answered with an
 * HTTP status, or passed on to a server on a port of this machine.
 */
export type KvMode =
  | { readonly kind: "hang" }
  | { readonly kind: "refuse" }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "forward"; readonly port: number };

/** The address. `await using` closes it and everything that hangs on it. */
export class KvAddress implements AsyncDisposable {
  readonly #port: number;
  readonly #open = new Set<Deno.Conn>();
  readonly #serving = new Set<Promise<void>>();
  #listener: Deno.Listener | null = null;
  #mode: KvMode;
  #connections = 0;

  /** Takes a free port. */
  constructor(mode: KvMode) {
    this.#mode = mode;
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#port = listener.addr.port;
    if (mode.kind === "refuse") listener.close();
    else this.#accept(listener);
  }

  /** What to configure as `KV_PATH`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The environment of a server that is to use it. */
  get env(): Readonly<Record<string, string>> {
    return { KV_PATH: this.url, DENO_KV_ACCESS_TOKEN: KV_TOKEN };
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Meets connections in another way from now on; those that are open are cut. */
  async turn(mode: KvMode): Promise<void> {
    this.#mode = mode;
    await this.#cut();
    if (mode.kind === "refuse") return;
    this.#accept(Deno.listen({ hostname: "127.0.0.1", port: this.#port }));
  }

  /** Closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cut();
  }

  async #cut(): Promise<void> {
    this.#listener?.close();
    this.#listener = null;
    for (const connection of this.#open) tryClose(connection);
    await Promise.all(this.#serving);
  }

  #accept(listener: Deno.Listener): void {
    this.#listener = listener;
    this.#track((async () => {
      for await (const connection of listener) {
        this.#connections++;
        this.#track(this.#serve(connection));
      }
    })());
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    const mode = this.#mode;
    if (mode.kind === "forward") {
      const upstream = await tryConnect(mode.port);
      if (upstream === null) return tryClose(connection);
      await Promise.all([this.#pass(upstream, connection), this.#pass(connection, upstream)]);
    } else if (mode.kind === "status") {
      const answer = `HTTP/1.1 ${mode.status} Scripted\r\ncontent-length: 0\r\nconnection: close`;
      await this.#pass(connection, null, new TextEncoder().encode(`${answer}\r\n\r\n`));
    } else await this.#pass(connection, null);
  }

  /** Reads until the end or the cut; writes what is read to `to`, and `answer` after the first of it. */
  async #pass(from: Deno.Conn, to: Deno.Conn | null, answer?: Uint8Array): Promise<void> {
    this.#open.add(from);
    const buffer = new Uint8Array(65_536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        let rest = buffer.subarray(0, count);
        while (to !== null && rest.length > 0) rest = rest.subarray(await to.write(rest));
        if (answer === undefined) continue;
        await from.write(answer);
        break;
      }
    } catch {
      // It was cut, on either side.
    } finally {
      this.#open.delete(from);
      tryClose(from);
      if (to !== null) tryClose(to);
    }
  }

  #track(work: Promise<void>): void {
    this.#serving.add(work);
    void work.finally(() => this.#serving.delete(work));
  }
}

/** A `denokv` with a database of its own. `await using` ends it. */
export class DenoKv implements AsyncDisposable {
  /** Where it listens on this machine. */
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: TempFolder;

  private constructor(port: number, child: Deno.ChildProcess, folder: TempFolder) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts it and waits until it can be connected to. */
  static async start(): Promise<DenoKv> {
    const folder = new TempFolder();
    const port = freePort();
    const child = new Deno.Command(findProgram(DENOKV)!, {
      args: [
        ...["--sqlite-path", `${folder.path}/kv.db`],
        ...["serve", "--addr", `127.0.0.1:${port}`, "--access-token", KV_TOKEN],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const kv = new DenoKv(port, child, folder);
    await eventually(() => canConnect(port), "denokv");
    return kv;
  }

  /** Kills it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#folder[Symbol.asyncDispose]();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function canConnect(port: number): Promise<true | undefined> {
  const connection = await tryConnect(port);
  connection?.close();
  return connection === null ? undefined : true;
}

async function tryConnect(port: number): Promise<Deno.Conn | null> {
  try {
    return await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return null;
  }
}

function tryClose(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
