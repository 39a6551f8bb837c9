/**
 * Chunks to sockets that follow a thread: one in each turn of the event loop, to one socket and to
 * 50, and in bursts.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { followers } from "../support/follow.ts";
import { chunkLoad } from "../support/loads.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

/** A word and a space, as models stream them. */
const DELTA = "streaming ";

/** Chunks in one turn, in bursts. */
const BURST = 32;

/** Chunks of one stream. */
const CHUNKS: Readonly<
  Record<Size, { one: number; fifty: number; burst: number; apart: number }>
> = {
  full: { one: 100_000, fifty: 6_000, burst: 200 * BURST, apart: 3_000 },
  quick: { one: 30_000, fifty: 1_500, burst: 50 * BURST, apart: 1_000 },
  tiny: { one: 100, fifty: 10, burst: BURST, apart: 10 },
};

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const { one, fifty, burst, apart } = CHUNKS[size];
  const toOne = await stream(name, { sockets: 1, ticks: one, perTick: 1 });
  const toFifty = await stream(name, { sockets: 50, ticks: fifty, perTick: 1 });
  const bursts = await stream(name, { sockets: 50, ticks: burst / BURST, perTick: BURST });
  // So far apart that none is merged with the next: what one frame costs.
  const frames = await stream(name, { sockets: 50, ticks: apart, perTick: 1, pauseMs: 1 });
  return {
    one: toOne.perSecond,
    fifty: toFifty.perSecond,
    framesPerChunk: toFifty.framesPerChunk,
    burst: bursts.perSecond,
    ...(frames.serverMicros === undefined ? {} : { apartMicros: frames.serverMicros }),
    ...toFifty.loads,
  };
}

interface Rates {
  readonly perSecond: number;
  readonly framesPerChunk: number;
  readonly serverMicros?: number;
  readonly loads: Figures;
}

async function stream(
  name: TargetName,
  { sockets, ticks, perTick, pauseMs = 0 }: {
    sockets: number;
    ticks: number;
    perTick: number;
    pauseMs?: number;
  },
): Promise<Rates> {
  await using target = await startOpen(name);
  using crowd = await followers(name, target, sockets);
  const order = { perTick, delta: DELTA, pauseMs };
  await chunkLoad(target, crowd, { ...order, ticks: Math.ceil(ticks / 10) });
  const meter = new LoadMeter(target.pid);
  const { elapsedMs, chunks, frames } = await chunkLoad(target, crowd, { ...order, ticks });
  const { serverMs, ...loads } = meter.read();
  return {
    perSecond: chunks * 1_000 / elapsedMs,
    framesPerChunk: frames / chunks,
    ...(serverMs === undefined ? {} : { serverMicros: serverMs * 1_000 / chunks }),
    loads,
  };
}

/** The bench. */
export const chunks: Bench = {
  name: "chunks",
  title: `Chunks of a stream to all who follow it; bursts of ${BURST} in one turn`,
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "one", unit: "chunks a second, 1 socket" },
    { name: "fifty", unit: "chunks a second, 50 sockets" },
    { name: "framesPerChunk", unit: "frames a chunk, 50 sockets", digits: 3 },
    { name: "apartMicros", unit: "µs of processor a frame, chunks apart, 50 sockets", digits: 1 },
    { name: "burst", unit: "chunks a second, 50 sockets, bursts" },
    ...LOADS,
  ],
  goals: [
    { work: "chunks to one socket, one a tick", figure: "one", kind: "ratio", atLeast: 0.8 },
    { work: "chunks to 50 sockets, one a tick", figure: "fifty", kind: "ratio", atLeast: 0.8 },
    {
      work: "chunks to 50 sockets, a frame each",
      figure: "apartMicros",
      kind: "ratio",
      atMost: 1.25,
    },
    { work: "chunks in bursts, 50 sockets", figure: "burst", kind: "ratio", atLeast: 3 },
  ],
  measure,
};
