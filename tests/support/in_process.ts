/**
 * The whole server in one process and without a permission: real services on a database in memory,
 * the real barrier, gate and application. Only the model is a puppet and sockets are fakes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Hono } from "hono";
import type { AnswerModel } from "../../lib/agents/model.ts";
import { AgentRegistry } from "../../lib/agents/registry.ts";
import { AgentSupervisor } from "../../lib/agents/supervisor.ts";
import { DevTokenIssuer } from "../../lib/auth/dev_tokens.ts";
import { loadKeys } from "../../lib/auth/keys.ts";
import type { Principal } from "../../lib/auth/principal.ts";
import { TokenVerifier } from "../../lib/auth/verifier.ts";
import { Connections } from "../../lib/chat/connections.ts";
import { FanOut } from "../../lib/chat/fan_out.ts";
import type { ClientFrame } from "../../lib/chat/protocol.ts";
import { ChatSession } from "../../lib/chat/session.ts";
import { type SessionEvents, type SessionHost, sessionHost } from "../../lib/chat/session_host.ts";
import { type Config, type Environment, loadConfig } from "../../lib/config.ts";
import type { Logger } from "../../lib/observe/log.ts";
import { MemoryGauge } from "../../lib/observe/memory.ts";
import { Metrics, type Sample } from "../../lib/observe/metrics.ts";
import { createPrometheus } from "../../lib/observe/prometheus.ts";
import { Tracing } from "../../lib/observe/tracing.ts";
import { StoreProbe } from "../../lib/observe/store_probe.ts";
import { supervisorRecorder } from "../../lib/observe/supervisor_recorder.ts";
import type { ServerContext } from "../../lib/server_context.ts";
import type { Services } from "../../lib/services.ts";
import { type Ready, StartupBarrier } from "../../lib/startup/barrier.ts";
import { Gate } from "../../lib/startup/gate.ts";
import { WaitingRoom } from "../../lib/startup/waiting_room.ts";
import { Bell } from "../../lib/threads/bell.ts";
import { ChunkLog } from "../../lib/threads/chunk_log.ts";
import { KvStore } from "../../lib/threads/kv_store.ts";
import { RunEnds } from "../../lib/threads/run_ends.ts";
import { RunLog } from "../../lib/threads/run_log.ts";
import type { Store } from "../../lib/threads/store.ts";
import { ThreadLog } from "../../lib/threads/thread_log.ts";
import { ThreadReader } from "../../lib/threads/thread_reader.ts";
import { ThreadRemoval } from "../../lib/threads/thread_removal.ts";
import { createApp, createHttpApp } from "../../routes/app.ts";
import type { ReadyEnv } from "../../routes/context.ts";
import { testAgent } from "./answers.ts";
import { FakeSocket } from "./fake_socket.ts";
import { asPublished } from "./published.ts";
import { publishedResponse } from "./published_http.ts";
import { PuppetModel } from "./puppet_model.ts";
import { type MintOptions, mintToken, TEST_SECRET } from "./tokens.ts";

/** What a {@linkcode World} may be made of. */
export interface WorldOptions {
  /** Variables besides `APP_ENV=test` and the secret. */
  readonly env?: Environment;
  /** Answers; a puppet that waits for the test where left out. */
  readonly model?: AnswerModel;
  /** Puts something between the services and the database. */
  readonly wrap?: (store: Store) => Store;
  /** Leaves the gate closed: the test drives `barrier` by itself. */
  readonly closed?: boolean;
  /** Leaves the keys unknown as well. */
  readonly withoutKeys?: boolean;
}

/** A log record as a test sees it. */
export interface Logged {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** How {@linkcode World.open} opens a session. */
export interface OpenOptions {
  /** `alice` where left out. */
  readonly sub?: string;
  readonly expiresInSeconds?: number;
  /** Made of the two above where left out. */
  readonly principal?: Principal;
  readonly socket?: FakeSocket;
  readonly events?: Partial<SessionEvents>;
}

/** How {@linkcode World.request} asks. */
export interface Asked {
  /** Whose token is sent; none where it is null. */
  readonly sub?: string | null;
  /** What else the token is. */
  readonly token?: MintOptions;
  readonly method?: string;
  /** The body as JSON. */
  readonly json?: unknown;
  /** The body as it is. */
  readonly body?: string | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** They win. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A session and its socket, as a client would see them. */
export interface Client {
  readonly session: ChatSession;
  readonly socket: FakeSocket;
  /** Sends one frame. */
  send(frame: ClientFrame): void;
}

/** All parts of one server. Disposing of it drains the runs and closes the database. */
export class World {
  readonly config: Config;
  readonly puppet = new PuppetModel();
  readonly store: Store;
  readonly fanOut = new FanOut();
  readonly services: Services;
  readonly barrier = new StartupBarrier<Services>();
  readonly keys = new StartupBarrier<TokenVerifier>();
  readonly room: WaitingRoom;
  readonly connections: Connections;
  readonly sessions: SessionHost;
  readonly metrics = new Metrics();
  readonly tracing = new Tracing();
  readonly samples: Sample[] = [];
  readonly logged: Logged[] = [];
  /** Faults that sessions and the supervisor told of. */
  readonly faults: unknown[] = [];
  readonly app: Hono<ReadyEnv>;
  /** Every route of the application. */
  readonly routes: Hono<ReadyEnv>["routes"];
  /** The probe's answer is this where it is set. */
  available = true;
  degraded: string[] = [];
  readonly #clients: Client[] = [];
  readonly #kvStore: KvStore;

  private constructor(config: Config, kv: Deno.Kv, verifier: TokenVerifier, options: WorldOptions) {
    this.config = config;
    const instanceId = crypto.randomUUID();
    this.#kvStore = new KvStore(kv, { remote: false, instanceId });
    const store = this.store = options.wrap?.(this.#kvStore) ?? this.#kvStore;
    const { fanOut, metrics } = this;
    const log = this.#logger();
    const threads = new ThreadLog(store);
    const chunks = new ChunkLog(store);
    const bell = new Bell(store, instanceId);
    const reader = new ThreadReader({ store, threads, chunks, fanOut, bell });
    const model = options.model ?? this.puppet;
    const supervisor = new AgentSupervisor({
      instanceId,
      threads,
      chunks,
      bell,
      removal: new ThreadRemoval(store),
      runs: new RunLog(store, instanceId),
      ends: new RunEnds(store, instanceId),
      fanOut,
      agents: new AgentRegistry([testAgent({ name: "default" }), testAgent({ name: "other" })]),
      model: () => Promise.resolve(model),
      limits: config.limits,
      events: {
        ...supervisorRecorder(metrics, log),
        onFault: (error) => void this.faults.push(error),
      },
    });
    const probe = new StoreProbe(store);
    this.services = {
      verifier,
      threads,
      reader,
      supervisor,
      fanOut,
      available: () => this.available && store.available,
      degraded: () => this.degraded,
      probe: () => probe.ask(),
    };

    const { limits } = config;
    this.room = new WaitingRoom({ total: limits.waiting, perSubject: limits.waitingPerSubject });
    this.connections = new Connections({
      perSubject: limits.socketsPerSubject,
      onCount: (count) => metrics.record("connections", {}, count),
    });
    this.sessions = sessionHost({ limits, metrics, log, tracer: this.tracing });
    const prometheus = createPrometheus({ residentBytes: () => 1 });
    metrics.attach(prometheus.sink);
    metrics.attach((sample) => this.samples.push(sample));
    const context: ServerContext = {
      config,
      gate: new Gate({ services: this.barrier, keys: this.keys, room: this.room, metrics }),
      connections: this.connections,
      sessions: this.sessions,
      memory: new MemoryGauge({ read: () => 0, limitBytes: limits.memoryBytes }),
      metrics,
      tracing: this.tracing,
      log,
      startup: () => ({
        state: this.barrier.state,
        attempt: 1,
        durationMs: 1,
        phases: [{ name: "store", critical: true, status: "ok", attempts: 1, durationMs: 1 }],
      }),
      services: () => {
        const verdict = this.barrier.peek();
        return verdict?.kind === "ready" ? verdict.ready.services : null;
      },
      metricsText: () => prometheus.render(),
      devTokens: config.devTokens ? new DevTokenIssuer({ secret: TEST_SECRET }) : null,
    };
    this.app = createApp(context);
    this.routes = [...this.app.routes, ...createHttpApp(context).routes];
    if (options.withoutKeys !== true) this.keys.open(verifier);
    if (options.closed !== true) this.barrier.open(this.services);
  }

  /** Makes a server whose gate is open, unless the options say otherwise. */
  static async open(options: WorldOptions = {}): Promise<World> {
    const config = loadConfig({ APP_ENV: "test", JWT_SECRET: TEST_SECRET, ...options.env });
    const { keys, ...rules } = config.auth;
    const { algorithms } = rules;
    const { signal } = new AbortController();
    const verifier = new TokenVerifier(await loadKeys({ ...keys, algorithms }, { signal }), rules);
    return new World(config, await Deno.openKv(":memory:"), verifier, options);
  }

  /** What only the barrier mints. */
  get ready(): Ready<Services> {
    const verdict = this.barrier.peek();
    if (verdict?.kind !== "ready") throw new Error("The gate is not open");
    return verdict.ready;
  }

  /** Opens a session as `/ws` does, on a fake socket. */
  async connect(options: OpenOptions = {}): Promise<Client> {
    const { sub, expiresInSeconds, socket = new FakeSocket() } = options;
    const token = await mintToken({
      ...(sub === undefined ? {} : { sub }),
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    });
    const principal = options.principal ?? await this.services.verifier.verify(token);
    const session = ChatSession.open(this.ready, principal, socket, {
      sessionId: crypto.randomUUID(),
      waitedMs: 12.4,
      host: {
        ...this.sessions,
        events: {
          onFrame: () => {},
          onSlowConsumer: () => {},
          onFault: (error) => void this.faults.push(error),
          ...options.events,
        },
      },
    });
    const client: Client = {
      session,
      socket,
      send: (frame) => session.receive(JSON.stringify(asPublished("client", frame))),
    };
    this.#clients.push(client);
    return client;
  }

  /** Asks the application, as `sub` (`alice`), or as nobody where that is null. The answer must be a published one. */
  async request(
    path: string,
    { sub = "alice", token, json, headers, ...init }: Asked = {},
  ): Promise<Response> {
    const bearer = sub === null ? null : await mintToken({ sub, ...token });
    const { method = "GET" } = init;
    const response = await this.app.request(`http://drawbridge.test${path}`, {
      ...init,
      headers: {
        Host: "drawbridge.test",
        ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    return await publishedResponse({ method, path }, response);
  }

  /** Ends everything, and looks whether every frame of every session was one of the protocol's. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.#clients) session.dispose();
    await this.services.supervisor.drain();
    this.#kvStore.close();
    this.services.verifier.close();
    assertEquals(this.#clients.flatMap(({ socket }) => socket.violations), []);
  }

  #logger(): Logger {
    const at = (level: Logged["level"]): Logger["info"] => (message, properties = {}) =>
      void this.logged.push({ level, message, properties });
    return { info: at("info"), warn: at("warn"), error: at("error") };
  }
}

/** `store` with some operations replaced. */
export function overriding(store: Store, changes: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const changed = changes[name as keyof Store];
      if (changed !== undefined) return changed;
      const value = target[name as keyof Store];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Resolves once `holds`; rejects where that takes too long. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  // Only so that a test that hangs ends.
  const untilMs = performance.now() + 20_000;
  while (!await holds()) {
    if (performance.now() > untilMs) throw new Error(`Cannot see that ${holds}`);
    await delay(2);
  }
}
