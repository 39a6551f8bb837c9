/**
 * The loads that several benches put on a crowd of sockets. Each is bounded, and ends when the last
 * answer is there.
 *
 * @module
 */
import type { StreamOrder } from "../servers/control.ts";
import type { Crowd } from "./crowd.ts";
import { chunksIn } from "./dialect.ts";
import type { Target } from "./target.ts";
import { joined, type Wire } from "./wire.ts";

/** Each socket sends `window` pings, and as many again when they are answered; milliseconds it took. */
export function pingLoad(
  crowd: Crowd,
  { window, rounds }: { window: number; rounds: number },
): Promise<number> {
  const pings = joined(
    Array.from({ length: window }, (_, at) => crowd.dialect.encode({ type: "ping", id: `p${at}` })),
  );
  return crowd.time((done) => {
    let missing = rounds * window * crowd.wires.length;
    const open = new Map(crowd.wires.map((wire) => [wire, { pongs: 0, rounds }]));
    crowd.onFrame = (kind, _payload, wire) => {
      if (kind !== "pong") return;
      if (--missing === 0) return done();
      const state = open.get(wire)!;
      if (++state.pongs < window) return;
      state.pongs = 0;
      if (--state.rounds > 0) wire.send(pings);
    };
    for (const wire of crowd.wires) wire.send(pings);
  });
}

/** What a stream came to. */
export interface Streamed {
  /** From the first chunk to the last delivery. */
  readonly elapsedMs: number;
  /** Chunks on all sockets together. */
  readonly chunks: number;
  /** Frames that carried them. */
  readonly frames: number;
}

/** Makes the target stream to all sockets of the crowd, which follow it. */
export async function chunkLoad(
  target: Target,
  crowd: Crowd,
  order: Omit<StreamOrder, "do" | "tell">,
): Promise<Streamed> {
  const from = target.reports.length;
  const chunks = order.ticks * order.perTick * crowd.wires.length;
  let missing = chunks;
  let frames = 0;
  await crowd.time((done) => {
    crowd.onFrame = (kind, payload) => {
      if (kind !== "chunk" && kind !== "chunks") return;
      frames++;
      missing -= chunksIn(payload, kind);
      if (missing === 0) done();
    };
    void target.tell({ do: "stream", ...order, tell: false });
  });
  const endedAt = performance.timeOrigin + performance.now();
  return { elapsedMs: endedAt - await target.time("streaming", from), chunks, frames };
}

/** What each socket sends, one message when the one before is acknowledged. */
export interface Messages {
  /** Of each socket. */
  readonly count: number;
  /** The thread of a socket's message, by its place. */
  readonly threadOf: (message: number) => string;
  readonly textOf: (message: number) => string;
}

let batches = 0;

/** Sends them; how long each acknowledgement took, milliseconds. */
export async function messageLoad(
  crowd: Crowd,
  { count, threadOf, textOf }: Messages,
): Promise<number[]> {
  const ackMs: number[] = [];
  const batch = ++batches;
  const open = new Map(crowd.wires.map((wire, socket) => [wire, { socket, sent: 0, sentMs: 0 }]));
  const send = (wire: Wire): void => {
    const state = open.get(wire)!;
    const id = `${batch}-${state.socket}-${state.sent}`;
    const message = { id, text: textOf(state.sent) };
    const threadId = threadOf(state.sent);
    state.sent++;
    state.sentMs = performance.now();
    wire.send(crowd.dialect.encode({ type: "message.send", id, threadId, message }));
  };
  await crowd.time((done) => {
    let missing = count * crowd.wires.length;
    crowd.onFrame = (kind, _payload, wire) => {
      if (kind !== "ack") return;
      const state = open.get(wire)!;
      ackMs.push(performance.now() - state.sentMs);
      if (--missing === 0) done();
      else if (state.sent < count) send(wire);
    };
    for (const wire of crowd.wires) send(wire);
  });
  return ackMs;
}
