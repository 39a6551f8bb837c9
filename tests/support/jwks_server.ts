/**
 * A JWKS endpoint on loopback that can rotate its keys, answer late, hang, break
 * and die. Needs `net`.
 *
 * @module
 */
import type { JWK } from "jose";
import { makeKeys, mintWith } from "./tokens.ts";

/** How the endpoint answers: with its keys, after a while, never, or wrongly. */
export type JwksMode =
  | { readonly kind: "serve" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "body"; readonly body: string };

/** The endpoint. `await using` ends it, hanging answers included. */
export class JwksServer implements AsyncDisposable {
  /** How the next request is answered. */
  mode: JwksMode = { kind: "serve" };
  readonly #stop = new AbortController();
  #keys: readonly JWK[];
  #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #waiting = new Set<() => void>();
  #requests = 0;

  /** Listens on a free port and serves `keys`. */
  constructor(...keys: readonly JWK[]) {
    this.#keys = keys;
    this.#server = this.#listen(0);
  }

  /** What to configure as `JWT_JWKS_URL`; stays the same across {@linkcode revive}. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/jwks.json`;
  }

  /** Requests so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Resolves once `count` requests have come in all. */
  async whenRequested(count: number): Promise<void> {
    while (this.#requests < count) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Replaces the keys. */
  rotate(...keys: readonly JWK[]): void {
    this.#keys = keys;
  }

  /** Stops listening: connections are refused from here on. */
  async die(): Promise<void> {
    await this.#server.shutdown();
  }

  /** Listens again on the same port. */
  revive(): void {
    this.#server = this.#listen(this.#server.addr.port);
  }

  /** Ends it for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.shutdown();
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  async #answer(request: Request): Promise<Response> {
    this.#requests += 1;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    const { mode } = this;
    switch (mode.kind) {
      case "serve":
        break;
      case "delay":
        await this.#pause(request, mode.delayMs);
        break;
      case "hang":
        await this.#pause(request);
        return new Response(null, { status: 503 });
      case "status":
        return reply("{}", { status: mode.status });
      case "redirect":
        return reply("", { status: 302, headers: { location: mode.location } });
      case "body":
        return reply(mode.body);
    }
    return reply(JSON.stringify({ keys: this.#keys }));
  }

  /** Waits `delayMs`, or for ever; ends early with the server or the client. */
  #pause(request: Request, delayMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = delayMs === undefined ? undefined : setTimeout(resolve, delayMs);
    const stop = (): void => resolve();
    request.signal.addEventListener("abort", stop);
    this.#stop.signal.addEventListener("abort", stop);
    if (this.#stop.signal.aborted) resolve();
    return promise.finally(() => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", stop);
      this.#stop.signal.removeEventListener("abort", stop);
    });
  }
}

/** A connection that stays open would outlive `shutdown` in the client's pool. */
function reply(body: string, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  headers.set("connection", "close");
  return new Response(body, { ...init, headers });
}

if (import.meta.main) {
  const keys = await makeKeys("ES256", "demo");
  const server = new JwksServer(keys.jwk);
  console.log(`JWT_JWKS_URL=${server.url}\ntoken: ${await mintWith(keys)}`);
}
