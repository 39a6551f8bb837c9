/**
 * One chunk to 1,000 sockets: from the moment it is there to the last delivery.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { median } from "../stats.ts";
import { followers } from "../support/follow.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

/** Sockets, and chunks that come one by one, so far apart that each has arrived before the next. */
const SIZES: Readonly<Record<Size, { sockets: number; rounds: number }>> = {
  full: { sockets: 1_000, rounds: 60 },
  quick: { sockets: 1_000, rounds: 20 },
  tiny: { sockets: 10, rounds: 2 },
};
const PAUSE_MS = 40;

/** The first rounds warm the code up. */
const WARM_UP_ROUNDS = 10;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const { sockets, rounds } = SIZES[size];
  const all = rounds + WARM_UP_ROUNDS;
  await using target = await startOpen(name);
  using crowd = await followers(name, target, sockets);
  const seen = new Map(crowd.wires.map((wire) => [wire, 0]));
  const missing = Array.from({ length: all }, () => sockets);
  const arrivedAt: number[] = [];
  const meter = new LoadMeter(target.pid);
  await crowd.time((done) => {
    crowd.onFrame = (kind, _payload, wire) => {
      if (kind !== "chunk") return;
      const round = seen.get(wire)!;
      seen.set(wire, round + 1);
      if (--missing[round]! > 0) return;
      arrivedAt[round] = performance.timeOrigin + performance.now();
      if (round === all - 1) done();
    };
    const order = { ticks: all, perTick: 1, delta: "word ", pauseMs: PAUSE_MS, tell: true };
    void target.tell({ do: "stream", ...order });
  });
  const { serverMs, ...loads } = meter.read();
  const pushedAt = target.reports.flatMap((report) => report.event === "pushed" ? [report.at] : []);
  const lastMs = arrivedAt.map((at, round) => at - pushedAt[round]!).slice(WARM_UP_ROUNDS);
  return {
    lastMs: median(lastMs),
    ...(serverMs === undefined ? {} : { serverMicros: serverMs * 1_000 / all / sockets }),
    ...loads,
  };
}

/** The bench. */
export const fanOut: Bench = {
  name: "fan-out",
  title: "One chunk to 1,000 sockets, until the last has it",
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "lastMs", unit: "ms to the last delivery", digits: 2 },
    { name: "serverMicros", unit: "µs of processor a delivery", digits: 1 },
    ...LOADS,
  ],
  goals: [{ work: "one chunk to 1,000 sockets", figure: "lastMs", kind: "ratio", atMost: 1.15 }],
  measure,
};
