/**
 * A way from the server to its database that can be frozen and thawed: what is held meanwhile
 * arrives later, as behind a router that hangs. Needs `net`.
 *
 * @module
 */
import { orHang } from "../support/feed.ts";

/** What can be held. */
type Held = "requests" | "answers";

/** The proxy. `await using` ends it, and whatever it holds. */
export class FreezableProxy implements AsyncDisposable {
  readonly #target: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #stop = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #gates: Record<Held, PromiseWithResolvers<void> | null> = {
    requests: null,
    answers: null,
  };
  #trigger: { readonly text: string; readonly held: Held; readonly fire: () => void } | null = null;

  /** Passes on to the database that `env` leads to. */
  constructor(env: Readonly<Record<string, string>>) {
    this.#target = env["KV_PATH"]!;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#stop.signal,
      onListen() {},
    }, (request) => this.#pass(request));
    const { port } = this.#server.addr;
    this.#environment = { ...env, KV_PATH: `http://127.0.0.1:${port}` };
  }

  /** The environment of a server that is to use it. */
  get env(): Readonly<Record<string, string>> {
    return this.#environment;
  }

  /** Lets nothing pass any more, either way. */
  freeze(): void {
    this.#hold("requests");
    this.#hold("answers");
  }

  /**
   * Freezes at the next request that writes `text`: that one and all later requests do not arrive,
   * or they do and no answer leaves. Resolves when that has happened.
   */
  async freezeAt(text: string, held: Held): Promise<void> {
    const frozen = Promise.withResolvers<void>();
    this.#trigger = { text, held, fire: frozen.resolve };
    await orHang(frozen.promise, `a request that writes ${text}`);
  }

  /** Lets everything pass that was held, and what follows. */
  thaw(): void {
    for (const held of ["requests", "answers"] as const) {
      this.#gates[held]?.resolve();
      this.#gates[held] = null;
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.thaw();
    await this.#server.finished;
  }

  async #pass(request: Request): Promise<Response> {
    const { method, headers } = request;
    const body = await request.arrayBuffer();
    const { pathname } = new URL(request.url);
    this.#look(body);
    await this.#gates.requests?.promise;
    const { signal } = this.#stop;
    try {
      const answer = await fetch(new URL(pathname, this.#target), {
        method,
        headers,
        body,
        signal,
      });
      await this.#gates.answers?.promise;
      // The answer to a watch goes on and on.
      const slow = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform: async (bytes, controller) => {
          await this.#gates.answers?.promise;
          controller.enqueue(bytes);
        },
      });
      return new Response(answer.body?.pipeThrough(slow) ?? null, answer);
    } catch (error) {
      if (!signal.aborted) throw error;
      return new Response(null, { status: 503 });
    }
  }

  #hold(held: Held): void {
    this.#gates[held] ??= Promise.withResolvers();
  }

  #look(body: ArrayBuffer): void {
    if (this.#trigger === null) return;
    const { text, held, fire } = this.#trigger;
    // The database's protocol leaves ASCII text as it is.
    if (!new TextDecoder("latin1").decode(body).includes(text)) return;
    this.#trigger = null;
    this.#hold(held);
    fire();
  }
}
