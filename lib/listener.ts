/**
 * What listens. It stands before everything else is loaded, so it imports next
 * to nothing: it says by itself that the process lives, and lets all others wait
 * for the application.
 *
 * @module
 */
import { NO_DOCUMENT, transportSecurity } from "./security_headers.ts";
import { requestIdOf } from "./request_id.ts";

/** What is known of a request besides itself. */
export interface Arrival {
  /** When it came, on the clock of `performance.now`, milliseconds. */
  readonly arrivedMs: number;
}

/** What answers requests. */
export interface Application {
  /** Answers one request, with what is known of it where it had to wait for the application. */
  readonly fetch: (request: Request, arrival?: Arrival) => Response | Promise<Response>;
}

/** Where a {@linkcode Listener} listens. */
export interface ListenerOptions {
  /** A name or an address. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Says which headers its own answers have. */
  readonly appEnv?: string;
}

/** Pending connections that the kernel holds: a burst overflows the default of 511. */
const TCP_BACKLOG = 4_096;

/** The one address that needs no application, whatever host its client names. */
const LIVENESS = /^https?:\/\/[^/?#]*\/health\/live(?:[?#]|$)/;

/** A server that listens from its construction on. */
export class Listener {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Of what it answers by itself. */
  readonly #headers: Readonly<Record<string, string>>;
  readonly #server: Deno.HttpServer;
  readonly #stop = new AbortController();
  readonly #loaded = Promise.withResolvers<Application>();
  #application: Application | null = null;
  #onFault: (error: unknown) => void = () => {};

  /**
   * Listens at once.
   *
   * @throws {Deno.errors.AddrInUse} and its like, where the address cannot be had.
   */
  constructor({ host, port, appEnv = "development" }: ListenerOptions) {
    this.#headers = { ...NO_DOCUMENT, ...transportSecurity(appEnv) };
    const server = Deno.serve({
      hostname: host,
      port,
      tcpBacklog: TCP_BACKLOG,
      signal: this.#stop.signal,
      onListen: () => {},
      onError: (error) => {
        this.#onFault(error);
        const headers = { ...this.#headers, "X-Request-Id": crypto.randomUUID() };
        return new Response(null, { status: 500, headers });
      },
    }, (request) => this.#application?.fetch(request) ?? this.#fetchLater(request));
    this.#server = server;
    this.address = addressOf(server.addr);
  }

  /** Answers with `application` from now on, also those who wait for it; `onFault` is told what it threw. */
  serve(application: Application, onFault: (error: unknown) => void): void {
    this.#onFault = onFault;
    this.#application = application;
    this.#loaded.resolve(application);
  }

  /** Stops listening; resolves when every request has its answer. */
  async shutdown(): Promise<void> {
    await this.#server.shutdown();
  }

  /** Cuts off whatever is left. */
  abort(): void {
    this.#stop.abort();
  }

  async #fetchLater(request: Request): Promise<Response> {
    if (/^(GET|HEAD)$/.test(request.method) && LIVENESS.test(request.url)) {
      return alive(request, this.#headers);
    }
    // Touched before the first await: a signal that nobody asked for never aborts.
    void request.signal;
    const arrivedMs = performance.now();
    const application = await this.#loaded.promise;
    return await application.fetch(request, { arrivedMs });
  }
}

/** The liveness document as its route answers it. */
function alive(request: Request, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify({ status: "pass" }), {
    headers: {
      "Content-Type": "application/health+json",
      "Cache-Control": "no-store",
      ...headers,
      "X-Request-Id": requestIdOf(request.headers),
    },
  });
}

function addressOf({ hostname, port }: Deno.NetAddr): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
