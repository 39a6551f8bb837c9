/**
 * Durable acknowledgements: 64 clients at once, and one alone, on SQLite on disk. The messages
 * queue behind runs that last, so that what is measured is the acknowledgement and no model.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { median, percentile } from "../stats.ts";
import { Crowd } from "../support/crowd.ts";
import { messageLoad } from "../support/loads.ts";
import { withFolder } from "../support/temp_folder.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { startOpen } from "../targets.ts";

const CLIENTS = 64;

/** Messages that a thread takes while its run lasts: `MAX_QUEUED_RUNS`. */
const PER_THREAD = 10;

/** Threads of each client. */
const THREADS: Readonly<Record<Size, number>> = { full: 10, quick: 4, tiny: 1 };

/** What the offline model counts, far longer than the bench lasts. */
const LASTING = "/count 100 5000";

/** Threads of each client that are filled before anything is measured: what runs the first time is slow. */
const WARM_UP_THREADS = 2;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const threads = THREADS[size];
  const clients = size === "tiny" ? 4 : CLIENTS;
  return await withFolder(async (folder) => {
    await using target = await startOpen(name, { kvPath: `${folder}/chat.db` });
    const many = await acknowledged(name, { clients, threads, target });
    const one = await acknowledged(name, {
      clients: 1,
      threads: threads * 4,
      target,
      subject: "alone",
    });
    return {
      perSecond: many.count * 1_000 / many.elapsedMs,
      p99: percentile(many.ackMs, 99),
      alone: median(one.ackMs),
      ...many.loads,
    };
  });
}

interface Load {
  readonly clients: number;
  readonly threads: number;
  readonly target: Awaited<ReturnType<typeof startOpen>>;
  readonly subject?: string;
}

async function acknowledged(
  name: TargetName,
  { clients, threads, target, subject = "client" }: Load,
): Promise<{ count: number; elapsedMs: number; ackMs: number[]; loads: Figures }> {
  using crowd = new Crowd(name, target);
  await crowd.open(await tokens(clients, { subject: (index) => `${subject}-${index}` }));
  /** Fills threads, behind a run in each where there are runs. */
  const fill = async (prefix: string, threads: number): Promise<number[]> => {
    const threadOf = (message: number): string => `${prefix}${message % threads}`;
    if (name === "drawbridge") {
      await messageLoad(crowd, { count: threads, threadOf, textOf: () => LASTING });
    }
    meter = new LoadMeter(target.pid);
    startedMs = performance.now();
    const textOf = (message: number): string => `message ${message}`;
    return await messageLoad(crowd, { count: threads * PER_THREAD, threadOf, textOf });
  };
  let meter = new LoadMeter(target.pid);
  let startedMs = 0;
  await fill("w", WARM_UP_THREADS);
  const ackMs = await fill("t", threads);
  const elapsedMs = performance.now() - startedMs;
  const { serverMs: _, ...loads } = meter.read();
  return { count: clients * threads * PER_THREAD, elapsedMs, ackMs, loads };
}

/** The bench. */
export const acks: Bench = {
  name: "acks",
  title: `Messages acknowledged once they are stored on disk, ${CLIENTS} clients; one client alone`,
  targets: ["raw", "drawbridge"],
  figures: [
    { name: "perSecond", unit: "acks a second" },
    { name: "p99", unit: "ms p99 of an ack", digits: 1 },
    { name: "alone", unit: "ms p50 of an ack, one client", digits: 2 },
    ...LOADS,
  ],
  goals: [
    { work: "durable acks, 64 clients", figure: "perSecond", kind: "ratio", atLeast: 3 },
    { work: "one client's ack", figure: "alone", kind: "excess", atMost: 0.3 },
  ],
  measure,
};
