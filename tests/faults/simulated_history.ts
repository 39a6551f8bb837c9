/**
 * Histories of a server that keeps its promises, made without one: with kills,
 * takeovers, resends, refusals and late comers.
 *
 * @module
 */
import type { Entry, RunPosition } from "../../lib/chat/protocol.ts";
import {
  type Chunk,
  type FinalLog,
  type History,
  type HistoryEvent,
  marker,
  type Observation,
} from "./history.ts";
import { Random } from "./random.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const THREADS = ["t1", "t2"];

/** What the simulated model says to what it hears. */
export function say(heard: string): string {
  return `You said ${heard}`;
}

/** Makes a correct history of two subjects with two threads each, and two clients of each subject. */
export function simulateHistory(seed: number): History {
  const random = new Random(seed);
  const events: HistoryEvent[] = [];
  const deathsMs: number[] = [];
  const logs: FinalLog[] = [];
  for (const subject of ["alice", "bob"]) {
    for (const threadId of THREADS) {
      const own = random.fork();
      const thread = new SimulatedThread({ subject, threadId, random: own, events, deathsMs });
      for (let step = 0; step < 8; step++) thread.step();
      logs.push(thread.finish());
    }
  }
  return { events, deathsMs, logs };
}

interface Parts {
  readonly subject: string;
  readonly threadId: string;
  readonly random: Random;
  readonly events: HistoryEvent[];
  readonly deathsMs: number[];
}

interface Socket {
  readonly name: string;
  followed: boolean;
  /** The run whose chunks it gets: it saw the start, or opened the thread. */
  runId: string | null;
  cursor: number;
  position: RunPosition | null;
}

/** One thread, its run and the sockets that follow it. */
class SimulatedThread {
  readonly #parts: Parts;
  readonly #log: { seq: number; entry: Entry }[] = [];
  #sockets: Socket[] = [];
  #generation = 0;
  #numbers = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#connect();
  }

  /** One message and all that comes of it. */
  step(): void {
    const { random } = this.#parts;
    const message = this.#message();
    const socket = random.pick(this.#sockets);
    if (random.chance(0.15)) return this.#refuse(socket, message);
    const runId = this.#runId(message);
    const isAnswered = random.chance(0.8);
    const ref = this.#send(socket, message);
    const seq = this.#append(message);
    const ack = { seq, runId, duplicate: false };
    this.#start(runId, message.id, 1);
    if (isAnswered) this.#acknowledge(socket, ref, ack);
    else {
      // The instance died with the answer: the same is sent again.
      this.#reconnect({ runId, attempt: 1 });
      const again = random.pick(this.#sockets);
      this.#acknowledge(again, this.#send(again, message), { ...ack, duplicate: true });
    }
    this.#deliver();
    this.#run({ runId, message });
  }

  /** The thread's log, once every socket has seen it. */
  finish(): FinalLog {
    const { subject, threadId } = this.#parts;
    for (const socket of this.#sockets) if (!socket.followed) this.#reopen(socket, null);
    return { subject, threadId, headSeq: this.#log.length, entries: this.#log };
  }

  #run({ runId, message }: { runId: string; message: { id: string; text: string } }): void {
    const { random } = this.#parts;
    let waiting: { id: string; text: string } | null = null;
    for (let attempt = 1;; attempt++) {
      const chunks = chunksOf(say(message.text));
      const dies = attempt < 4 && random.chance(0.3);
      const until = dies ? random.integer(1, chunks.length - 1) : chunks.length;
      for (let index = 0; index < until; index++) {
        this.#stream({ runId, attempt, index }, chunks[index]!);
        if (random.chance(0.1)) this.#reopen(random.pick(this.#sockets), { runId, attempt });
        if (waiting === null && random.chance(0.05)) waiting = this.#queue();
      }
      if (!dies) {
        this.#answer({ runId, attempt, outcome: "completed", text: say(message.text) });
        break;
      }
      const isLate = attempt < 3 && random.chance(0.5);
      if (!isLate) this.#reconnect({ runId, attempt });
      if (attempt === 3) {
        this.#answer({ runId, attempt, outcome: "interrupted", text: "" });
        break;
      }
      this.#start(runId, message.id, attempt + 1);
      if (isLate) this.#reconnect({ runId, attempt: attempt + 1 });
      this.#deliver();
    }
    if (waiting !== null) {
      const next = this.#runId(waiting);
      this.#start(next, waiting.id, 1);
      this.#deliver();
      this.#run({ runId: next, message: waiting });
    }
  }

  /** A message that waits behind the run; sometimes it is cancelled before it begins. */
  #queue(): { id: string; text: string } | null {
    const message = this.#message();
    const runId = this.#runId(message);
    const socket = this.#parts.random.pick(this.#sockets);
    const ref = this.#send(socket, message);
    const seq = this.#append(message);
    this.#deliver();
    this.#acknowledge(socket, ref, { seq, runId, duplicate: false });
    if (this.#parts.random.chance(0.6)) return message;
    this.#answer({ runId, attempt: 0, outcome: "cancelled", text: "" });
    return null;
  }

  #runId({ id }: { id: string }): string {
    return `r-${this.#parts.subject}-${this.#parts.threadId}-${id}`;
  }

  #message(): { id: string; text: string } {
    const { subject, threadId } = this.#parts;
    const number = ++this.#numbers;
    return { id: `m${number}`, text: `hello ${marker(subject, threadId, number)} there` };
  }

  #refuse(socket: Socket, message: { id: string; text: string }): void {
    const ref = this.#send(socket, message);
    this.#see(socket, { kind: "refused", ref, code: "RUN_ACTIVE" });
  }

  #send(socket: Socket, message: { id: string; text: string }): string {
    const ref = `f${this.#parts.events.length}`;
    this.#see(socket, { kind: "sent", ref, threadId: this.#parts.threadId, message });
    return ref;
  }

  #acknowledge(
    socket: Socket,
    ref: string,
    ack: { seq: number; runId: string; duplicate: boolean },
  ): void {
    const { threadId } = this.#parts;
    this.#see(socket, { kind: "acked", ref, threadId, ...ack });
    if (socket.followed) return;
    Object.assign(socket, { followed: true, cursor: ack.seq - 1, position: null, runId: null });
  }

  #append({ id, text }: { id: string; text: string }): number {
    const parts = [{ type: "text", text }];
    return this.#push({ kind: "message", role: "user", id, parts, createdAt: NOW });
  }

  #start(runId: string, replyTo: string, attempt: number): number {
    return this.#push({ kind: "run.started", runId, attempt, agent: "assistant", replyTo });
  }

  #answer(
    { runId, attempt, outcome, text }: {
      runId: string;
      attempt: number;
      outcome: "completed" | "cancelled" | "interrupted";
      text: string;
    },
  ): void {
    const parts = text === "" ? [] : [{ type: "text", text }];
    this.#push({
      kind: "message",
      role: "assistant",
      id: `a-${runId}`,
      runId,
      attempt,
      agent: "assistant",
      parts,
      outcome,
      createdAt: NOW,
    });
    this.#deliver();
  }

  #push(entry: Entry): number {
    const seq = this.#log.length + 1;
    this.#log.push({ seq, entry });
    return seq;
  }

  /** Brings every socket that follows up to date. */
  #deliver(): void {
    for (const socket of this.#sockets) if (socket.followed) this.#catchUp(socket);
  }

  #catchUp(socket: Socket): void {
    const { threadId } = this.#parts;
    for (const { seq, entry } of this.#log.slice(socket.cursor)) {
      this.#see(socket, { kind: "entry", threadId, seq, entry });
      socket.cursor = seq;
      if (entry.kind !== "run.started") continue;
      Object.assign(socket, { position: null, runId: entry.runId });
    }
  }

  #stream(at: RunPosition, chunk: Chunk): void {
    const { threadId } = this.#parts;
    for (const socket of this.#sockets) {
      if (!socket.followed || socket.runId !== at.runId) continue;
      // Whoever came to follow in the middle of a run sees all of it first.
      const first = this.#isAt(socket, at) ? socket.position!.index + 1 : 0;
      const chunks = chunksOf(this.#textOf(at.runId)).slice(0, at.index).concat(chunk);
      for (let index = first; index <= at.index; index++) {
        this.#see(socket, { kind: "chunk", threadId, ...at, index, chunk: chunks[index]! });
      }
      socket.position = at;
    }
  }

  #isAt({ position }: Socket, { runId, attempt }: RunPosition): boolean {
    return position?.runId === runId && position.attempt === attempt;
  }

  #textOf(runId: string): string {
    const id = runId.split("-").at(-1);
    const asked = this.#log.find(({ entry }) => entry.kind === "message" && entry.id === id);
    return asked?.entry.kind === "message" ? say(String(asked.entry.parts[0]!["text"])) : "";
  }

  /** Everybody is thrown out, and comes back at the same place. */
  #reconnect(active: { runId: string; attempt: number } | null): void {
    this.#parts.deathsMs.push(this.#parts.events.length);
    for (const socket of this.#sockets) this.#see(socket, { kind: "closed", code: 1006 });
    const former = this.#sockets;
    this.#connect();
    this.#sockets.forEach((socket, at) => {
      const { cursor, position } = former[at]!;
      Object.assign(socket, { cursor, position });
      this.#reopen(socket, active);
    });
  }

  #reopen(socket: Socket, active: { runId: string; attempt: number } | null): void {
    const { threadId } = this.#parts;
    const { position, cursor: afterSeq } = socket;
    const ref = `f${this.#parts.events.length}`;
    this.#see(socket, { kind: "opening", ref, threadId, afterSeq, run: position });
    const headSeq = this.#log.length;
    const recovered = position === null || this.#isKnown(position, active);
    this.#see(socket, { kind: "opened", ref, threadId, headSeq, activeRun: active, recovered });
    Object.assign(socket, { followed: true, runId: active?.runId ?? null });
    if (!recovered) socket.position = null;
    this.#catchUp(socket);
  }

  #isKnown(at: RunPosition, active: { runId: string; attempt: number } | null): boolean {
    if (active?.runId === at.runId) return active.attempt === at.attempt;
    return this.#log.some(({ entry }) =>
      entry.kind === "message" && entry.role === "assistant" && entry.runId === at.runId &&
      entry.attempt === at.attempt
    );
  }

  #connect(): void {
    const { subject, threadId } = this.#parts;
    this.#generation++;
    this.#sockets = [0, 1].map((client) => ({
      name: `${subject}-${threadId}-${client}.${this.#generation}`,
      followed: false,
      runId: null,
      cursor: 0,
      position: null,
    }));
  }

  #see({ name }: Socket, observation: Observation): void {
    const { events, subject } = this.#parts;
    events.push({ ...observation, atMs: events.length, subject, socket: name });
  }
}

function chunksOf(text: string): Chunk[] {
  const words = text.match(/\S+\s*/g) ?? [];
  return [
    { type: "start" },
    ...words.map((delta) => ({ type: "text-delta", id: "text-0", delta })),
    { type: "finish" },
  ];
}
