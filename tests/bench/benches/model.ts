/**
 * A chunk of the model's on its way to a socket: 100 streams at once, all of them stored on disk
 * meanwhile, and none of their chunks lost.
 *
 * @module
 */
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
import { marksIn, ModelEndpoint } from "../support/model_endpoint.ts";
import { withFolder } from "../support/temp_folder.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { textOf } from "../support/wire.ts";
import { startOpen } from "../targets.ts";

/** Streams at once, 50 chunks a second each, and chunks of each. */
const SIZES: Readonly<Record<Size, { streams: number; chunks: number }>> = {
  full: { streams: 100, chunks: 400 },
  quick: { streams: 100, chunks: 100 },
  tiny: { streams: 4, chunks: 5 },
};
const EVERY_MS = 20;

/** Of each stream: what the start of 100 runs costs, and their end at one moment, is not a chunk's way. */
const WARM_UP_SHARE = 0.25;
const END_SHARE = 0.1;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  if (name !== "drawbridge") throw new MissingTarget("only this server calls a model");
  const { streams, chunks } = SIZES[size];
  await using endpoint = new ModelEndpoint(() => ({ chunks, everyMs: EVERY_MS }));
  return await withFolder(async (folder) => {
    await using target = await startOpen(name, {
      kvPath: `${folder}/chat.db`,
      env: endpoint.env,
    });
    using crowd = new Crowd(name, target);
    await crowd.open(await tokens(streams));
    const meter = new LoadMeter(target.pid);
    const { delaysMs, lost } = await stream(crowd, chunks);
    const { serverMs: _, ...loads } = meter.read();
    return { p50: percentile(delaysMs, 50), p99: percentile(delaysMs, 99), lost, ...loads };
  });
}

/** Sends a message on each socket, and follows the answers to their entries. */
async function stream(
  crowd: Crowd,
  chunks: number,
): Promise<{ delaysMs: number[]; lost: number }> {
  const delaysMs: number[] = [];
  const next = new Map(crowd.wires.map((wire) => [wire, 0]));
  let lost = 0;
  await crowd.time((done) => {
    let missing = crowd.wires.length;
    crowd.onFrame = (kind, payload, wire) => {
      const arrivedMs = performance.now();
      if (kind === "entry") {
        const { entry } = JSON.parse(textOf(payload));
        if (entry.role !== "assistant") return;
        const text = entry.parts.map((part: { text?: string }) => part.text ?? "").join("");
        const stored = marksIn(text).length;
        lost += Math.abs(chunks - stored) + chunks - next.get(wire)!;
        if (--missing === 0) done();
      } else if (kind === "chunk" || kind === "chunks") {
        const frame = JSON.parse(textOf(payload));
        const parts: { delta?: string }[] = kind === "chunk" ? [frame.chunk] : frame.chunks;
        for (const { index, sentMs } of marksIn(parts.map(({ delta = "" }) => delta).join(""))) {
          // Out of order is lost as well.
          if (index !== next.get(wire)) lost++;
          next.set(wire, index + 1);
          if (index < chunks * WARM_UP_SHARE || index >= chunks * (1 - END_SHARE)) continue;
          delaysMs.push(arrivedMs - sentMs);
        }
      }
    };
    const message = { id: "m", text: "go on" };
    const send = { type: "message.send", id: "s", threadId: "t", message };
    for (const wire of crowd.wires) wire.send(crowd.dialect.encode(send));
  });
  return { delaysMs, lost };
}

/** The bench. */
export const model: Bench = {
  name: "model",
  title: "A chunk from the model's endpoint to the socket, 100 streams of 50 chunks a second",
  targets: ["drawbridge"],
  figures: [
    { name: "p50", unit: "ms p50", digits: 2 },
    { name: "p99", unit: "ms p99", digits: 2 },
    { name: "lost", unit: "chunks lost" },
    ...LOADS,
  ],
  goals: [
    { work: "model chunk to socket, half", figure: "p50", kind: "value", atMost: 1 },
    { work: "model chunk to socket, 99 of 100", figure: "p99", kind: "value", atMost: 5 },
    { work: "model chunks, while they are stored", figure: "lost", kind: "value", atMost: 0 },
  ],
  measure,
};
