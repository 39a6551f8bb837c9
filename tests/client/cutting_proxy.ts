/**
 * A TCP proxy on loopback whose address stays while what is behind it comes and goes, and whose
 * connections a test cuts. Needs `net`.
 *
 * @module
 */

interface Pair {
  readonly near: Deno.Conn;
  readonly far: Deno.Conn;
}

/** The proxy. `await using` cuts everything and frees the port. */
export class CuttingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #pairs = new Set<Pair>();
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #target: string | null;

  /** Passes on to `target`, an address such as `http://127.0.0.1:40001`; null: to nobody. */
  constructor(target: string | null = null) {
    this.#target = target;
    this.#accepting = this.#accept();
  }

  /** Its own address. */
  get address(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Connections that are open. */
  get count(): number {
    return this.#pairs.size;
  }

  /** Passes new connections on to `target`; null drops them. */
  turn(target: string | null): void {
    this.#target = target;
  }

  /** Cuts one connection, the `at`th of those that are open, without a word on either side. */
  cut(at: number): void {
    const pair = [...this.#pairs][at];
    if (pair === undefined) return;
    this.#pairs.delete(pair);
    tryClose(pair.near);
    tryClose(pair.far);
  }

  /** Cuts every connection. */
  cutAll(): void {
    while (this.#pairs.size > 0) this.cut(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.cutAll();
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const served = this.#serve(near).finally(() => this.#serving.delete(served));
      this.#serving.add(served);
    }
  }

  async #serve(near: Deno.Conn): Promise<void> {
    const far = await this.#connect();
    if (far === null) return tryClose(near);
    const pair = { near, far };
    this.#pairs.add(pair);
    await Promise.all([pass(near, far), pass(far, near)]);
    this.#pairs.delete(pair);
  }

  async #connect(): Promise<Deno.Conn | null> {
    if (this.#target === null) return null;
    const { hostname, port } = new URL(this.#target);
    try {
      return await Deno.connect({ hostname, port: Number(port) });
    } catch {
      return null;
    }
  }
}

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      let rest = buffer.subarray(0, count);
      while (rest.length > 0) rest = rest.subarray(await to.write(rest));
    }
  } catch {
    // It was cut, on either side.
  }
  tryClose(from);
  tryClose(to);
}

function tryClose(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
