/**
 * This server, `main.ts` itself, with a handle for the benches: it tells when the gate opens and
 * counts what no request may repeat. `--hold` keeps its database from opening, and with it the gate,
 * until it is told to open; a stream of chunks is fed into the real fan-out.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { TokenVerifier } from "../../../lib/auth/verifier.ts";
import type { Services } from "../../../lib/services.ts";
import { StartupBarrier } from "../../../lib/startup/barrier.ts";
import { type Command, control, FOLLOWED, report, type StreamOrder } from "./control.ts";
import { settled, watchDatabase } from "./settling.ts";

/** Calls that no request may repeat. */
const calls = { imports: 0, verifications: 0 };
let services: Services | null = null;
const held = Promise.withResolvers<void>();
const now = (): number => performance.timeOrigin + performance.now();

watchDatabase();
before(SubtleCrypto.prototype, "importKey", () => calls.imports++);
before(TokenVerifier.prototype, "verify", () => calls.verifications++);
before(StartupBarrier.prototype, "open", (built: unknown) => {
  // The other barrier opens for the keys alone.
  if (typeof built !== "object" || built === null || !("fanOut" in built)) return;
  services = built as Services;
  report({ event: "ready", at: now() });
});
if (Deno.args.includes("--hold")) {
  const openKv = Deno.openKv;
  Object.defineProperty(Deno, "openKv", {
    value: async (path?: string) => {
      await held.promise;
      return await openKv(path);
    },
  });
}

/** Calls `first` with the arguments of each call of a method, before that. */
function before<Method extends string>(
  prototype: { [Name in Method]: (...args: never[]) => unknown },
  method: Method,
  first: (...args: unknown[]) => void,
): void {
  const original = prototype[method];
  Object.defineProperty(prototype, method, {
    value(...args: never[]): unknown {
      first(...args);
      return Reflect.apply(original, this, args);
    },
  });
}

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
  else if (command.do === "settle") void settled().then(() => report({ event: "settled" }));
  else if (command.do === "stream") void stream(command);
});
await import("../../../main.ts");
