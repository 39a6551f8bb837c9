/**
 * A minute of everything at once: idle sockets, active ones whose messages are stored and answered,
 * and streams all the while.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import {
  type Bench,
  type Figures,
  LOADS,
  MissingTarget,
  type Size,
  type TargetName,
} from "../bench.ts";
import { percentile } from "../stats.ts";
import { Crowd } from "../support/crowd.ts";
import { ModelEndpoint, type Script } from "../support/model_endpoint.ts";
import { withFolder } from "../support/temp_folder.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { textOf, type Wire } from "../support/wire.ts";
import { startOpen } from "../targets.ts";

interface Scale {
  readonly idle: number;
  readonly active: number;
  readonly streams: number;
  readonly messagesPerSecond: number;
  readonly seconds: number;
  /** Before that: the streams begin in it, one by one, and what runs the first time is slow. */
  readonly warmUpSeconds: number;
}

const SCALES: Readonly<Record<Size, Scale>> = {
  full: {
    idle: 5_000,
    active: 500,
    streams: 100,
    messagesPerSecond: 300,
    seconds: 60,
    warmUpSeconds: 5,
  },
  quick: {
    idle: 1_000,
    active: 500,
    streams: 100,
    messagesPerSecond: 300,
    seconds: 10,
    warmUpSeconds: 5,
  },
  tiny: { idle: 10, active: 5, streams: 2, messagesPerSecond: 20, seconds: 1, warmUpSeconds: 1 },
};

/** Chunks of one stream come 20 times a second. */
const STREAM_EVERY_MS = 50;

/** The message that starts one; every other is answered in two words. */
const STREAM = "stream";
const SHORT: Script = { chunks: 2, everyMs: 5 };

/** Messages are sent, and memory is looked at, this often, milliseconds. */
const TURN_MS = 10;
const LOOK_MS = 250;

/** What is still under way at the end is waited for so long, milliseconds. */
const REST_MS = 10_000;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  if (name !== "drawbridge") throw new MissingTarget("only this server does all of it");
  const { idle, active, seconds, warmUpSeconds } = SCALES[size];
  // Each lasts until the load has ended, whenever it began.
  const lastMs = (seconds + warmUpSeconds) * 1_000;
  const stream = { chunks: lastMs / STREAM_EVERY_MS, everyMs: STREAM_EVERY_MS };
  await using endpoint = new ModelEndpoint((text) => text.includes(STREAM) ? stream : SHORT);
  return await withFolder(async (folder) => {
    await using target = await startOpen(name, {
      kvPath: `${folder}/chat.db`,
      env: endpoint.env,
    });
    using sleepers = new Crowd(name, target);
    using crowd = new Crowd(name, target);
    const all = await tokens(idle + active);
    await sleepers.open(all.slice(0, idle));
    await crowd.open(all.slice(idle));
    sleepers.tolerant = crowd.tolerant = true;
    let residentBytes = 0;
    const look = (): void => {
      residentBytes = Math.max(residentBytes, target.residentBytes);
    };
    const looking = setInterval(look, LOOK_MS);
    const meter = new LoadMeter(target.pid);
    try {
      const held = await hold(crowd, SCALES[size]);
      const { serverMs: _, ...loads } = meter.read();
      return {
        errors: held.errors + crowd.faults + sleepers.faults,
        p99: percentile(held.ackMs, 99),
        stored: held.ackMs.length / seconds,
        residentMb: residentBytes / 1_000_000,
        ...loads,
      };
    } finally {
      clearInterval(looking);
    }
  });
}

/** Errors: what was not acknowledged, or whose answer is missing or did not end well. */
async function hold(
  crowd: Crowd,
  { streams, messagesPerSecond, seconds, warmUpSeconds }: Scale,
): Promise<{ errors: number; ackMs: number[] }> {
  const ackMs: number[] = [];
  const sentMs = new Map<string, number>();
  let sent = 0;
  let acked = 0;
  let answered = 0;
  let measuredFromMs = Infinity;
  crowd.onFrame = (kind, payload) => {
    if (kind === "ack") {
      acked++;
      const { ref } = JSON.parse(textOf(payload));
      const at = sentMs.get(ref)!;
      if (at >= measuredFromMs) ackMs.push(performance.now() - at);
    } else if (kind === "entry") {
      const { entry } = JSON.parse(textOf(payload));
      if (entry.role === "assistant" && entry.outcome === "completed") answered++;
    }
  };
  const send = (wire: Wire, threadId: string, text: string): void => {
    const id = `m${sent++}`;
    sentMs.set(id, performance.now());
    const message = { id, text };
    wire.send(crowd.dialect.encode({ type: "message.send", id, threadId, message }));
  };
  /** Sends at the rate for so long; streams begin one by one over the same time. */
  const run = async (lastSeconds: number, beginning: number): Promise<void> => {
    const startedMs = performance.now();
    let [begun, talked] = [0, 0];
    while (performance.now() - startedMs < lastSeconds * 1_000) {
      const share = (performance.now() - startedMs) / (lastSeconds * 1_000);
      while (begun < share * beginning) send(crowd.wires[begun++]!, "stream", STREAM);
      const due = share * lastSeconds * messagesPerSecond;
      while (talked < due) send(crowd.wires[talked++ % crowd.wires.length]!, "talk", "hello");
      await delay(TURN_MS);
    }
    while (begun < beginning) send(crowd.wires[begun++]!, "stream", STREAM);
  };
  await run(warmUpSeconds, streams);
  measuredFromMs = performance.now();
  await run(seconds, 0);
  const until = performance.now() + REST_MS;
  while (performance.now() < until && (answered < sent || acked < sent)) await delay(50);
  return { errors: sent - acked + sent - answered, ackMs };
}

/** The bench. */
export const holdBench: Bench = {
  name: "hold",
  title: "5,000 idle and 500 active sockets, 300 messages a second stored and answered, " +
    "100 streams of 20 chunks a second, for 60 s",
  targets: ["drawbridge"],
  repetitions: 1,
  figures: [
    { name: "errors", unit: "errors" },
    { name: "p99", unit: "ms p99 of an ack", digits: 1 },
    { name: "stored", unit: "messages a second", digits: 1 },
    { name: "residentMb", unit: "MB resident at most", digits: 1 },
    ...LOADS,
  ],
  goals: [
    { work: "load held for 60 s", figure: "errors", kind: "value", atMost: 0 },
    { work: "load held: acks", figure: "p99", kind: "value", atMost: 100 },
    { work: "load held: memory", figure: "residentMb", kind: "value", atMost: 350 },
  ],
  measure,
};
