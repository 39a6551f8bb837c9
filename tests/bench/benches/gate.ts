/**
 * The gate opens while thousands wait: when the first, half and the last get in, and whether the
 * server answers others meanwhile.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { percentile } from "../stats.ts";
import { Crowd } from "../support/crowd.ts";
import { idle } from "../support/idle.ts";
import { LivenessProbe } from "../support/liveness.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { startTarget } from "../targets.ts";

const SOCKETS: Readonly<Record<Size, number>> = { full: 5_000, quick: 2_000, tiny: 30 };

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const count = SOCKETS[size];
  const all = await tokens(count);
  await using target = await startTarget(name, { hold: true });
  // The keys are there: whoever comes is verified on arrival, by every target.
  await idle(target.pid);
  using crowd = new Crowd(name, target);
  await crowd.knock(all);
  await idle(target.pid);
  if (crowd.readyAt.length > 0) throw new Error("The gate did not hold");
  const probe = await LivenessProbe.start(target.port);
  const meter = new LoadMeter(target.pid);
  await target.tell({ do: "open" });
  const openedAt = await target.time("ready");
  await crowd.ready(count);
  const { serverMs: _, ...loads } = meter.read();
  const answersMs = await probe.stop();
  return {
    firstMs: crowd.readyAt[0]! - openedAt,
    halfMs: crowd.readyAt[Math.floor(count / 2) - 1]! - openedAt,
    lastMs: crowd.readyAt.at(-1)! - openedAt,
    liveMs: percentile(answersMs, 99),
    ...loads,
  };
}

/** The bench. */
export const gate: Bench = {
  name: "gate",
  title: "The gate opens on 5,000 waiting sockets: session.ready after the verdict",
  targets: ["raw", "drawbridge", "ws"],
  figures: [
    { name: "firstMs", unit: "ms to the first", digits: 1 },
    { name: "halfMs", unit: "ms to half", digits: 1 },
    { name: "lastMs", unit: "ms to the last", digits: 1 },
    { name: "liveMs", unit: "ms p99 of /health/live meanwhile", digits: 1 },
    ...LOADS,
  ],
  goals: [
    {
      work: "gate opens on 5,000 that wait: the first",
      figure: "firstMs",
      kind: "value",
      atMost: 15,
    },
    { work: "gate opens: half of them", figure: "halfMs", kind: "ratio", atMost: 0.8 },
    { work: "gate opens: the last", figure: "lastMs", kind: "ratio", atMost: 1.4 },
    { work: "/health/live meanwhile", figure: "liveMs", kind: "value", atMost: 50 },
  ],
  measure,
};
