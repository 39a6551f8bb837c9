/**
 * The server's life: it listens already, lets the bootstrap work behind the
 * barrier, and drains.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { DevTokenIssuer } from "./auth/dev_tokens.ts";
import type { TokenVerifier } from "./auth/verifier.ts";
import { Connections } from "./chat/connections.ts";
import { sessionHost } from "./chat/session_host.ts";
import type { Config } from "./config.ts";
import type { StartupReport } from "./http/health.ts";
import { DRAIN_DEADLINE_MS } from "./limits.ts";
import type { Application, Listener } from "./listener.ts";
import { logger } from "./observe/log.ts";
import { MemoryGauge } from "./observe/memory.ts";
import { Metrics } from "./observe/metrics.ts";
import { Tracing } from "./observe/tracing.ts";
import { startupLogger, tellWaits } from "./observe/startup_log.ts";
import type { BootstrapOptions, Bootstrapped, ServerContext } from "./server_context.ts";
import type { Services } from "./services.ts";
import { StartupBarrier } from "./startup/barrier.ts";
import { startupRecorder } from "./startup/events.ts";
import { Gate } from "./startup/gate.ts";
import { WaitingRoom } from "./startup/waiting_room.ts";

/** What a server is started with besides its configuration. */
export interface ServerOptions {
  /** What listens already. */
  readonly listener: Listener;
  /** Loads what makes the application. */
  readonly loadApp: () => Promise<(server: ServerContext) => Application>;
  /** Loads and calls the bootstrap, once the server listens. */
  readonly loadBootstrap: () => Promise<(options: BootstrapOptions) => Promise<Bootstrapped>>;
  /** Whether the platform is Deno Deploy, whose database is a remote one. */
  readonly onDeploy?: boolean;
  /** Where the server traces; a new one by default. */
  readonly tracing?: Tracing;
}

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Rejects where the application or the bootstrap could not be loaded, which no restart heals; else resolves. */
  readonly bootstrapped: Promise<void>;
  /**
   * Refuses newcomers, sends everybody away, gives the services back and stops
   * listening, all within `DRAIN_DEADLINE_MS`. Again returns the same promise.
   */
  drain(): Promise<void>;
}

/** Time between two looks at resident memory, milliseconds. */
const MEMORY_LOOK_MS = 500;

/** Unread bytes from which on the end of a socket frees anything worth it. */
const SHED_FROM_BYTES = 16_384;

/** Time for close frames to be answered, counted from the last answer, milliseconds. */
const CLOSE_GRACE_MS = 600;

/** Longest time for all of them, milliseconds: a machine that is short of time gets more of it. */
const LEAVE_MS = 2_500;

/** Time between two looks at who is still there, milliseconds. */
const LEAVE_LOOK_MS = 10;

/** Starts to answer and to build the services. */
export function startServer(config: Config, options: ServerOptions): RunningServer {
  const log = logger("server");
  const metrics = new Metrics();
  const { tracing = new Tracing() } = options;
  const services = new StartupBarrier<Services>();
  const keys = new StartupBarrier<TokenVerifier>();
  const { limits } = config;
  const room = new WaitingRoom({ total: limits.waiting, perSubject: limits.waitingPerSubject });
  const memory = new MemoryGauge({
    read: () => Deno.memoryUsage().rss,
    limitBytes: limits.memoryBytes,
  });
  const connections = new Connections({
    perSubject: limits.socketsPerSubject,
    onCount: (count) => metrics.record("connections", {}, count),
  });
  let built: Bootstrapped | null = null;

  const startupReport = (): StartupReport =>
    built?.startup.report() ?? {
      state: services.state,
      attempt: 0,
      durationMs: performance.now(),
      phases: [],
    };
  const context: ServerContext = {
    config,
    gate: new Gate({ services, keys, room, metrics, tracer: tracing }),
    connections,
    sessions: sessionHost({ limits, metrics, log, tracer: tracing }),
    memory,
    metrics,
    tracing,
    log,
    startup: startupReport,
    services: () => {
      const verdict = services.peek();
      return verdict?.kind === "ready" ? verdict.ready.services : null;
    },
    metricsText: () => built?.metricsText() ?? null,
    devTokens: devTokensOf(config),
  };

  const { address } = options.listener;
  log.info("listening", { address });
  for (const warning of config.warnings) log.warn(warning);

  const load = async (): Promise<void> => {
    const createApp = await options.loadApp();
    options.listener.serve(createApp(context), (error) => {
      // A stream that was cut on purpose has told of itself.
      if (!isAbort(error)) log.error("A request failed", { error });
    });
    const bootstrap = await options.loadBootstrap();
    const instanceId = crypto.randomUUID();
    const { onDeploy = false } = options;
    const parts = { config, metrics, tracing, log, instanceId, onDeploy, services, keys };
    built = await bootstrap(parts);
    built.startup.onEvent(startupRecorder(metrics));
    const startupLog = logger("startup");
    built.startup.onEvent(startupLogger(startupLog, { address, report: startupReport }));
    if (services.state !== "starting") return;
    built.startup.start();
    // JSON is for machines, which look at /health/startup.
    if (!config.log.json) {
      const stopTelling = tellWaits(startupLog, { report: startupReport });
      services.onState(({ to }) => to === "ready" || to === "draining" ? stopTelling() : undefined);
    }
  };
  const bootstrapped = load();
  // Whoever started the server looks at it; until then it is no crash of its own.
  bootstrapped.catch(() => {});

  let wasOver = false;
  const memoryTimer = setInterval(() => {
    const isOver = memory.over;
    // What the first look met may be garbage, which is about to go.
    if (isOver && wasOver) {
      const shed = connections.shedHeaviest(SHED_FROM_BYTES);
      metrics.record("slow_consumers_total", {}, shed);
      if (shed > 0) log.warn("memory is short", { residentBytes: memory.bytes, shed });
    }
    wasOver = isOver;
  }, MEMORY_LOOK_MS);
  Deno.unrefTimer(memoryTimer);

  const drain = async (): Promise<void> => {
    log.info("draining", { connections: connections.count });
    clearInterval(memoryTimer);
    // What is asked while the services stop finds them draining, not gone.
    const ready = services.peek();
    if (built === null) {
      services.drain();
      keys.drain();
    } else built.startup.drain();
    connections.drain();
    const runs = ready?.kind === "ready" ? ready.ready.services.supervisor.drain() : null;
    const left = untilLeft(() => connections.count + room.size);
    await Promise.all([runs, settle(left, LEAVE_MS)]);
    await built?.startup.stop();
    await settle(options.listener.shutdown(), CLOSE_GRACE_MS);
    built?.stopTelemetry();
  };
  let drained: Promise<void> | null = null;
  return {
    address,
    bootstrapped,
    drain: () =>
      drained ??= settle(drain(), DRAIN_DEADLINE_MS).then((inTime) => {
        // After a shutdown the platform has nothing left to abort, and says so by throwing.
        if (!inTime) options.listener.abort();
        log.info("drained", { inTime });
      }),
  };
}

/** Waits until nobody is there, or those who are show no sign of leaving. */
async function untilLeft(count: () => number): Promise<void> {
  let least = count();
  for (let quietMs = 0; least > 0 && quietMs < CLOSE_GRACE_MS; quietMs += LEAVE_LOOK_MS) {
    await delay(LEAVE_LOOK_MS);
    if (count() < least) quietMs = 0;
    least = Math.min(least, count());
  }
}

/** Waits for `work`, but not longer than so many milliseconds; false where that was too short. */
async function settle(work: Promise<unknown>, waitMs: number): Promise<boolean> {
  try {
    await deadline(work, waitMs);
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") return false;
    throw error;
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function devTokensOf({ devTokens, auth }: Config): DevTokenIssuer | null {
  const { keys, algorithms, issuer, audience } = auth;
  if (!devTokens || keys.kind !== "secret") return null;
  return new DevTokenIssuer({
    secret: keys.secret,
    // With a secret, the configuration allows HMAC names only.
    algorithm: algorithms[0] as "HS256" | "HS384" | "HS512",
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
}
