/**
 * Handshake, token, gate, greeting: sockets a second.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { Crowd } from "../support/crowd.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

const SOCKETS: Readonly<Record<Size, number>> = { full: 5_000, quick: 2_000, tiny: 20 };

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const count = SOCKETS[size];
  const all = await tokens(count);
  await using target = await startOpen(name);
  {
    // What is compiled on first use is compiled.
    using early = new Crowd(name, target);
    await early.open(all.slice(0, count / 10));
  }
  using crowd = new Crowd(name, target);
  const meter = new LoadMeter(target.pid);
  const elapsedMs = await crowd.open(all);
  const { serverMs, ...loads } = meter.read();
  return {
    perSecond: count * 1_000 / elapsedMs,
    ...(serverMs === undefined ? {} : { serverMicros: serverMs * 1_000 / count }),
    ...loads,
  };
}

/** The bench. */
export const connect: Bench = {
  name: "connect",
  title: "Handshake, HS256 token, gate, session.ready, 64 handshakes at a time",
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "perSecond", unit: "sockets a second" },
    { name: "serverMicros", unit: "µs of processor a socket" },
    ...LOADS,
  ],
  goals: [
    { work: "connect, 5,000 sockets", figure: "perSecond", kind: "ratio", atLeast: 0.5 },
    {
      work: "connect, against ws on Node",
      figure: "perSecond",
      kind: "ratio",
      reference: "ws",
      atLeast: 1,
    },
  ],
  measure,
};
