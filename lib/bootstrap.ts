/**
 * The composition root: the only module that constructs services. Each phase
 * builds one, from the configuration and from what the phases before it built.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { loadModel } from "./agents/ai_sdk_model.ts";
import { AgentRegistry, defaultAgents } from "./agents/registry.ts";
import { AgentSupervisor } from "./agents/supervisor.ts";
import type { SupervisorParts } from "./agents/supervisor_parts.ts";
import { loadKeys } from "./auth/keys.ts";
import { TokenVerifier } from "./auth/verifier.ts";
import { FanOut } from "./chat/fan_out.ts";
import type { MetricsSink } from "./observe/metrics.ts";
import { createPrometheus } from "./observe/prometheus.ts";
import { isTelemetryOn } from "./observe/telemetry.ts";
import type { BootstrapOptions, Bootstrapped } from "./server_context.ts";
import type { Services } from "./services.ts";
import { phase, plan } from "./startup/phases.ts";
import { Startup } from "./startup/startup.ts";
import { supervisorRecorder } from "./observe/supervisor_recorder.ts";
import { Bell } from "./threads/bell.ts";
import { ChunkLog } from "./threads/chunk_log.ts";
import { GroupedStore } from "./threads/group_commit.ts";
import { Heads } from "./threads/heads.ts";
import { checkKvConnect } from "./threads/kv_connect.ts";
import { KvStore } from "./threads/kv_store.ts";
import { RunEnds } from "./threads/run_ends.ts";
import { RunLog } from "./threads/run_log.ts";
import { LogSearch } from "./threads/search.ts";
import type { Store } from "./threads/store.ts";
import { ThreadLog } from "./threads/thread_log.ts";
import { ThreadRemoval } from "./threads/thread_removal.ts";
import { ThreadReader } from "./threads/thread_reader.ts";
import { StoreProbe } from "./observe/store_probe.ts";

/** Longest wait of a run for a model that is still being loaded, milliseconds. */
const MODEL_WAIT_MS = 5_000;

/** Commits under way at once, and reads, to a database behind the network, which works on several. */
const REMOTE_LANES = 8;

/** Prepares the start-up; nothing happens before it is started. */
export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  const { config, metrics, tracing: tracer, log, instanceId } = options;
  const prometheus = createPrometheus();
  const stopTelemetry = await attachSinks(options, prometheus.sink);
  const fanOut = new FanOut();
  const isAddress = /^https?:/i.test(config.kv.path ?? "");
  const remote = options.onDeploy || isAddress;

  const keys = phase({
    name: "keys",
    critical: true,
    async run(context) {
      const { keys, ...rules } = config.auth;
      const { algorithms } = rules;
      const onRefreshFailed = (error: unknown) => log.warn("keys not refreshed", { error });
      const source = await loadKeys(
        keys.kind === "jwks" ? { ...keys, algorithms, onRefreshFailed } : { ...keys, algorithms },
        context,
      );
      return new TokenVerifier(source, rules);
    },
    dispose: (verifier) => verifier.close(),
  });

  const store = phase({
    name: "store",
    critical: true,
    async run({ signal }) {
      const { path, accessToken } = config.kv;
      if (path !== undefined && isAddress) await checkKvConnect(path, { accessToken, signal });
      const kv = await Deno.openKv(path);
      const database = new KvStore(kv, {
        remote,
        instanceId,
        onOperation: (operation, seconds) =>
          metrics.record("store_operation_seconds", { operation }, seconds),
        onAvailability: (available, error) =>
          available ? log.info("The store is back") : log.error("The store is lost", { error }),
      });
      const store = new GroupedStore(database, { lanes: remote ? REMOTE_LANES : 1 });
      try {
        await store.probe();
        signal.throwIfAborted();
        return store;
      } catch (error) {
        store.close();
        throw error;
      }
    },
    dispose: (store) => store.close(),
  });

  const threads = phase({
    name: "threads",
    critical: true,
    after: { store },
    run: ({ store }) => Promise.resolve(threadParts(store, { instanceId, fanOut, remote })),
  });

  const model = phase({
    name: "model",
    critical: false,
    run: () => {
      const { name: model, ...endpoint } = config.model;
      return loadModel({ ...endpoint, model, silenceMs: config.limits.modelSilenceMs, tracer });
    },
  });

  const agents = phase({
    name: "agents",
    critical: true,
    after: { threads, model },
    run({ threads, model }) {
      const supervisor = new AgentSupervisor({
        ...threads,
        instanceId,
        fanOut,
        agents: new AgentRegistry(defaultAgents({
          instructions: config.agentInstructions,
          search: new LogSearch(threads.threads),
        })),
        // The gate may open before the model is loaded: its first runs wait for it.
        model: async () =>
          model.current ?? await deadline(model.arrived, MODEL_WAIT_MS).catch(() => null),
        limits: config.limits,
        events: supervisorRecorder(metrics, log),
        tracer,
      });
      supervisor.listen();
      return Promise.resolve(supervisor);
    },
    dispose: (supervisor) => supervisor.drain(),
  });

  const recovery = phase({
    name: "recovery",
    critical: false,
    after: { agents },
    run: ({ agents }) => agents.recover(),
  });

  const startup = new Startup({
    plan: plan({ keys, store, threads, model, agents, recovery }, (built): Services => {
      const probe = new StoreProbe(built.store);
      return {
        verifier: built.keys,
        threads: built.threads.threads,
        reader: built.threads.reader,
        supervisor: built.agents,
        fanOut,
        available: () => built.store.available,
        degraded: () => degradedOf(built),
        probe: () => probe.ask(),
      };
    }),
    barrier: options.services,
    timeoutMs: config.startup.timeoutMs,
    tracer,
  });
  startup.openEarly(keys, options.keys);
  return { startup, metricsText: prometheus.render, stopTelemetry };
}

/** Feeds the metrics to Prometheus and, where somebody listens, to OpenTelemetry, which traces too. */
async function attachSinks(
  { metrics, tracing, log }: BootstrapOptions,
  prometheus: MetricsSink,
): Promise<() => void> {
  let stop = (): void => {};
  const sinks = [prometheus];
  if (isTelemetryOn()) {
    try {
      const telemetry = await import("./observe/opentelemetry.ts");
      const exported = telemetry.createTelemetryMetrics();
      sinks.push(exported.sink);
      stop = exported.stop;
      tracing.attach(telemetry.createTelemetryTracing());
    } catch (error) {
      log.warn("telemetry cannot be exported", { error });
    }
  }
  metrics.attach(...sinks);
  return stop;
}

/** What works on one store. */
function threadParts(
  store: Store,
  { instanceId, fanOut, remote }: { instanceId: string; fanOut: FanOut; remote: boolean },
): Pick<SupervisorParts, "threads" | "removal" | "runs" | "ends" | "chunks" | "bell"> & {
  reader: ThreadReader;
} {
  const chunks = new ChunkLog(store);
  const bell = new Bell(store, instanceId);
  // Where a database behind the network is silent, a read before the commit finds that out, and the
  // client is told that nothing is stored. Of a commit alone nobody could tell.
  const heads = new Heads(remote ? 0 : undefined);
  const threads = new ThreadLog(store, heads.tails);
  return {
    threads,
    chunks,
    bell,
    removal: new ThreadRemoval(store),
    runs: new RunLog(store, instanceId, heads),
    ends: new RunEnds(store, instanceId, heads),
    reader: new ThreadReader({ store, threads, chunks, fanOut, bell }),
  };
}

/** The optional phases that have no result, and a model that fails. */
function degradedOf(
  { model, recovery }: {
    model: { readonly current: { readonly degraded: boolean } | undefined };
    recovery: { readonly current: unknown };
  },
): string[] {
  return [
    ...(model.current === undefined || model.current.degraded ? ["model"] : []),
    ...(recovery.current === undefined ? ["recovery"] : []),
  ];
}
