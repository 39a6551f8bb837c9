/**
 * A validated `ping` and its `pong`, as many as the server can do.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { Crowd } from "../support/crowd.ts";
import { pingLoad } from "../support/loads.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

const SOCKETS = 50;

/** Pings under way on each socket, which keep the generator cheaper than the server. */
const WINDOW = 16;

/** Rounds of a window on every socket. */
const ROUNDS: Readonly<Record<Size, number>> = { full: 400, quick: 100, tiny: 2 };

async function measure(name: TargetName, size: Size): Promise<Figures> {
  await using target = await startOpen(name);
  using crowd = new Crowd(name, target);
  await crowd.open(await tokens(SOCKETS));
  await pingLoad(crowd, { window: WINDOW, rounds: Math.ceil(ROUNDS[size] / 4) });
  const meter = new LoadMeter(target.pid);
  const elapsedMs = await pingLoad(crowd, { window: WINDOW, rounds: ROUNDS[size] });
  const { serverMs, ...loads } = meter.read();
  const count = ROUNDS[size] * WINDOW * SOCKETS;
  return {
    perSecond: count * 1_000 / elapsedMs,
    ...(serverMs === undefined ? {} : { serverMicros: serverMs * 1_000 / count }),
    ...loads,
  };
}

/** The bench. */
export const ping: Bench = {
  name: "ping",
  title: `ping, validated, and pong on ${SOCKETS} sockets, ${WINDOW} under way on each`,
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "perSecond", unit: "pongs a second" },
    { name: "serverMicros", unit: "µs of processor a ping", digits: 1 },
    ...LOADS,
  ],
  goals: [
    {
      work: "validated ping and pong, 50 sockets",
      figure: "perSecond",
      kind: "ratio",
      atLeast: 0.75,
    },
  ],
  measure,
};
