/**
 * How cost grows: what a ping, an acknowledgement and a chunk cost beside more idle sockets, in
 * longer threads, with more threads open on each socket, and beside more stored threads.
 *
 * @module
 */
import {
  type Bench,
  type Figures,
  type Goal,
  MissingTarget,
  type Size,
  type TargetName,
} from "../bench.ts";
import { FOLLOWED } from "../servers/control.ts";
import { median } from "../stats.ts";
import { Crowd } from "../support/crowd.ts";
import { type Follow, followers } from "../support/follow.ts";
import { chunkLoad, messageLoad, pingLoad } from "../support/loads.ts";
import { seed } from "../support/seed.ts";
import type { Target } from "../support/target.ts";
import { withFolder } from "../support/temp_folder.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

/** Sockets that work. */
const ACTIVE = 50;

/** Threads whose acknowledgements are timed, ten messages each behind a run that lasts. */
const THREADS: Readonly<Record<Size, number>> = { full: 4, quick: 4, tiny: 1 };
const PER_THREAD = 10;
const LASTING = "/count 10000 5000";

/** Rounds of pings, and chunks that come apart. */
const ROUNDS: Readonly<Record<Size, number>> = { full: 150, quick: 50, tiny: 1 };
const CHUNKS: Readonly<Record<Size, number>> = { full: 1_500, quick: 500, tiny: 5 };

/** Most that a cost may be at the largest scale, of what it is at the smallest. */
const GROWTH = 1.25;

interface Scene extends Follow {
  /** Sockets that do nothing. */
  readonly idle?: number;
  /** Entries of every thread at the start. */
  readonly entries?: number;
  /** Other threads that the subject has, of no entries. */
  readonly stored?: number;
}

const ackThread = (thread: number): string => `ack${thread}`;

/** The three costs in a scene. */
async function costs(size: Size, scene: Scene): Promise<Figures> {
  const { idle = 0, entries = 0, stored = 0 } = scene;
  const threads = THREADS[size];
  const { subject } = FOLLOWED;
  return await withFolder(async (folder) => {
    const kvPath = `${folder}/chat.db`;
    const worked = [
      FOLLOWED.threadId,
      ...Array.from({ length: threads }, (_, at) => ackThread(at)),
    ];
    if (entries > 0) await seed(kvPath, worked.map((threadId) => ({ subject, threadId })), entries);
    if (stored > 0) {
      const ids = Array.from({ length: stored }, (_, index) => `stored-${index}`);
      await seed(kvPath, ids.map((threadId) => ({ subject, threadId })), 0);
    }
    await using target = await startOpen("drawbridge", { kvPath });
    using sleepers = new Crowd("drawbridge", target);
    await sleepers.open(await tokens(idle));
    using crowd = await followers("drawbridge", target, ACTIVE, { ...scene, afterSeq: entries });
    return await costsOn(target, crowd, size);
  });
}

async function costsOn(target: Target, crowd: Crowd, size: Size): Promise<Figures> {
  await pingLoad(crowd, { window: 16, rounds: Math.ceil(ROUNDS[size] / 4) });
  const pinging = new LoadMeter(target.pid);
  await pingLoad(crowd, { window: 16, rounds: ROUNDS[size] });
  const pingMs = pinging.read().serverMs;

  const order = { perTick: 1, delta: "streaming ", pauseMs: 1 };
  await chunkLoad(target, crowd, { ...order, ticks: Math.ceil(CHUNKS[size] / 4) });
  const streaming = new LoadMeter(target.pid);
  const { frames } = await chunkLoad(target, crowd, { ...order, ticks: CHUNKS[size] });
  const streamMs = streaming.read().serverMs;

  using one = new Crowd("drawbridge", target);
  await one.open(await tokens(1, { subject: () => FOLLOWED.subject }));
  const threads = THREADS[size];
  const threadOf = (message: number): string => ackThread(message % threads);
  await messageLoad(one, { count: threads, threadOf, textOf: () => LASTING });
  const ackMs = await messageLoad(one, {
    count: threads * PER_THREAD,
    threadOf,
    textOf: (message) => `message ${message}`,
  });
  const micros = (ms: number | undefined, count: number): number | undefined =>
    ms === undefined ? undefined : ms * 1_000 / count;
  const pingMicros = micros(pingMs, ROUNDS[size] * 16 * ACTIVE);
  const chunkMicros = micros(streamMs, frames);
  return {
    ackMs: median(ackMs),
    ...(pingMicros === undefined ? {} : { pingMicros }),
    ...(chunkMicros === undefined ? {} : { chunkMicros }),
  };
}

/** A bench over scales: the last, against the first. */
function growth(
  name: string,
  what: string,
  scales: Readonly<Record<Size, readonly number[]>>,
  sceneOf: (scale: number) => Scene,
): Bench {
  const columns = scales.full.map((scale) => scale.toLocaleString("en-US"));
  const goalOf = (figure: string, work: string): Goal => ({
    work: `${work}, ${columns.at(-1)} ${what} against ${columns[0]}`,
    figure,
    kind: "ratio",
    target: columns.at(-1)!,
    reference: columns[0]!,
    atMost: GROWTH,
  });
  return {
    name: `growth-${name}`,
    title: `What a ping, a chunk and an acknowledgement cost with more ${what}`,
    targets: columns,
    repetitions: 5,
    figures: [
      { name: "pingMicros", unit: "µs of processor a ping", digits: 1 },
      { name: "chunkMicros", unit: "µs of processor a frame of one chunk", digits: 1 },
      { name: "ackMs", unit: "ms p50 of an ack, one client", digits: 2 },
    ],
    goals: [
      goalOf("pingMicros", "ping"),
      goalOf("chunkMicros", "chunk"),
      goalOf("ackMs", "acknowledgement"),
    ],
    measure(column: TargetName, size: Size): Promise<Figures> {
      const scale = scales.full[columns.indexOf(column)]!;
      if (!scales[size].includes(scale)) throw new MissingTarget("only in a full run");
      return costs(size, sceneOf(scale));
    },
  };
}

const threadIds = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `other-${index}`);

/** The benches. */
export const GROWTHS: readonly Bench[] = [
  growth(
    "sockets",
    "idle sockets",
    { full: [100, 1_000, 10_000], quick: [100, 1_000], tiny: [100] },
    (idle) => ({ idle }),
  ),
  growth(
    "entries",
    "entries in each thread",
    { full: [10, 1_000, 100_000], quick: [10, 1_000], tiny: [10] },
    (entries) => ({ entries }),
  ),
  growth(
    "open",
    "threads open on each socket",
    { full: [1, 10, 100], quick: [1, 10], tiny: [1] },
    (open) => ({ others: threadIds(open - 1) }),
  ),
  growth(
    "stored",
    "stored threads",
    { full: [10, 1_000, 100_000], quick: [10, 1_000], tiny: [10] },
    (stored) => ({ stored }),
  ),
];
