/**
 * This server with a handle for the benches: the real configuration, the real bootstrap, the real
 * application. `--hold` keeps its database from opening, and with it the gate, until it is told to
 * open; a stream of chunks is fed into the real fan-out.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { bootstrap } from "../../../lib/bootstrap.ts";
import { TokenVerifier } from "../../../lib/auth/verifier.ts";
import { loadConfig, secrets } from "../../../lib/config.ts";
import { Listener } from "../../../lib/listener.ts";
import { configureLogs } from "../../../lib/observe/log.ts";
import { startServer } from "../../../lib/server.ts";
import type { Services } from "../../../lib/services.ts";
import { createApp } from "../../../routes/app.ts";
import { type Command, control, FOLLOWED, report, type StreamOrder } from "./control.ts";

const held = Promise.withResolvers<void>();
if (Deno.args.includes("--hold")) {
  const openKv = Deno.openKv;
  Object.defineProperty(Deno, "openKv", {
    value: async (path?: string) => {
      await held.promise;
      return await openKv(path);
    },
  });
}

/** Calls that no request may repeat. */
const calls = { imports: 0, verifications: 0 };
count(SubtleCrypto.prototype, "importKey", "imports");
count(TokenVerifier.prototype, "verify", "verifications");

function count<Method extends string>(
  prototype: { [Name in Method]: (...args: never[]) => unknown },
  method: Method,
  as: keyof typeof calls,
): void {
  const original = prototype[method];
  Object.defineProperty(prototype, method, {
    value(...args: never[]): unknown {
      calls[as]++;
      return Reflect.apply(original, this, args);
    },
  });
}

const now = (): number => performance.timeOrigin + performance.now();
const config = loadConfig(Deno.env.toObject());
configureLogs({ json: config.log.json, secrets: secrets(config) });
let services: Services | null = null;
const server = startServer(config, {
  listener: new Listener(config),
  loadApp: () => Promise.resolve(createApp),
  loadBootstrap: () =>
    Promise.resolve((options) => {
      options.services.onState(({ to }) => {
        const verdict = options.services.peek();
        if (to !== "ready" || verdict?.kind !== "ready") return;
        services = verdict.ready.services;
        report({ event: "ready", at: now() });
      });
      return bootstrap(options);
    }),
});

let runs = 0;

/** Streams one run to all who have the thread open, as a run's execution does. */
async function stream({ ticks, perTick, delta, pauseMs, tell }: StreamOrder): Promise<void> {
  const { fanOut, threads } = services!;
  const head = await threads.head(FOLLOWED);
  const topic = { ...FOLLOWED, generation: head!.generation };
  const run = { runId: `r${++runs}`, attempt: 1 };
  fanOut.publish(topic, [{
    seq: head!.headSeq + runs,
    entry: { kind: "run.started", ...run, agent: "default", replyTo: "m" },
  }]);
  const live = fanOut.begin(topic, run);
  await new Promise<void>((resolve) => setImmediate(resolve));
  report({ event: "streaming", at: now() });
  for (let tick = 0; tick < ticks; tick++) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (tell) report({ event: "pushed", at: now() });
    for (let chunk = 0; chunk < perTick; chunk++) {
      live.push(JSON.stringify({ type: "text-delta", id: "text-0", delta }));
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  fanOut.end(topic, live);
}

control((command: Command) => {
  if (command.do === "open") held.resolve();
  else if (command.do === "count") report({ event: "counted", ...calls });
  else if (command.do === "stream") void stream(command);
});
report({ event: "listening", address: server.address });
