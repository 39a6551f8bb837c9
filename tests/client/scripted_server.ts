/**
 * A server that a test plays by hand, and the client's sockets to it, in memory. Every frame that a
 * client sends is held against the protocol.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type ClientFrame,
  type ClientFrameOf,
  type ClientFrameType,
  type Entry,
  parseClientFrame,
  type ServerFrame,
} from "../../lib/chat/protocol.ts";
import { type ClientOptions, type ClientState, DrawbridgeClient } from "../../lib/client/mod.ts";
import type { ErrorCode } from "../../lib/errors.ts";
import type { ClientSocket } from "../../lib/client/mod.ts";
import type { FakeTime } from "@std/testing/time";
import { asPublished } from "../support/published.ts";

/** One socket as the server sees it. */
export class ScriptedSocket implements ClientSocket {
  onopen: ClientSocket["onopen"] = null;
  onmessage: ClientSocket["onmessage"] = null;
  onerror: ClientSocket["onerror"] = null;
  onclose: ClientSocket["onclose"] = null;
  /** Every frame that the client sent, in order. */
  readonly frames: ClientFrame[] = [];
  /** The code that the client closed with; null as long as it did not. */
  closedWith: number | null = null;
  /** Whether pings are answered at once. */
  answersPings = true;
  #isClosed = false;

  /** Dialled to `url`, offering `protocols`. */
  constructor(readonly url: string, readonly protocols: readonly string[]) {}

  /** The token that it offers. */
  get token(): string | undefined {
    return this.protocols.find((name) => name.startsWith("bearer."))?.slice("bearer.".length);
  }

  /** The frames of one type. */
  all<Type extends ClientFrameType>(type: Type): ClientFrameOf<Type>[] {
    return this.frames.filter((frame): frame is ClientFrameOf<Type> => frame.type === type);
  }

  /** The last frame of one type. */
  last<Type extends ClientFrameType>(type: Type): ClientFrameOf<Type> {
    const frame = this.all(type).at(-1);
    assert(frame !== undefined, `no ${type} among ${this.frames.map((one) => one.type)}`);
    return frame;
  }

  /** Upgrades it. */
  open(): void {
    this.onopen?.({});
  }

  /** Upgrades and greets it. */
  greet(session: Partial<Extract<ServerFrame, { type: "session.ready" }>> = {}): void {
    this.open();
    this.tell({
      type: "session.ready",
      sessionId: "s1",
      subject: "alice",
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      waitedMs: 0,
      degraded: [],
      limits: { frameBytes: 65_536, messageBytes: 32_768, framesPerSecond: 20 },
      ...session,
    });
  }

  /** Sends it frames. */
  tell(...frames: ServerFrame[]): void {
    for (const frame of frames) this.tellText(JSON.stringify(asPublished("server", frame)));
  }

  /** Sends it a text. */
  tellText(data: unknown): void {
    if (!this.#isClosed) this.onmessage?.({ data });
  }

  /** Ends it. */
  end(code = 1006, reason = ""): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (code === 1006) this.onerror?.({});
    this.onclose?.({ code, reason });
  }

  send(data: string): void {
    if (this.#isClosed || this.closedWith !== null) return;
    const parsed = parseClientFrame(data);
    assert(parsed.ok, `the client sent ${data}`);
    asPublished("client", JSON.parse(data));
    this.frames.push(parsed.frame);
    const { id: ref, type } = parsed.frame;
    if (type === "ping" && this.answersPings) this.tell({ type: "pong", ref });
  }

  close(code = 1005): void {
    this.closedWith ??= code;
    queueMicrotask(() => this.end(code));
  }
}

/** Every socket that clients dial. */
export class ScriptedServer {
  readonly sockets: ScriptedSocket[] = [];
  /** What a client is given as `WebSocket`. */
  readonly WebSocket: ClientOptions["WebSocket"];

  /** Nobody has dialled yet. */
  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** The newest socket. */
  get socket(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    assert(socket !== undefined, "nobody has dialled");
    return socket;
  }

  /** A client of it whose waits are as long as they may be, and its states. */
  client(
    options: Partial<ClientOptions> = {},
  ): { client: DrawbridgeClient; states: ClientState[] } {
    const client = new DrawbridgeClient({
      address: "http://chat.test",
      token: "token-1",
      WebSocket: this.WebSocket!,
      fetch: null,
      backoff: { random: () => 0.999_999 },
      ...options,
    });
    const states: ClientState[] = [];
    client.subscribe((state) => states.push(state));
    return { client, states };
  }

  /** A client that is ready, and its socket. */
  async ready(
    options: Partial<ClientOptions> = {},
    session: Parameters<ScriptedSocket["greet"]>[0] = {},
  ): Promise<{ client: DrawbridgeClient; states: ClientState[]; socket: ScriptedSocket }> {
    const made = this.client(options);
    const connected = made.client.connect();
    await turns();
    this.socket.greet(session);
    await connected;
    return { ...made, socket: this.socket };
  }
}

/** Lets everything happen that waits for no time. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** Lets time pass, and what waits for it happen. */
export async function pass(time: FakeTime, ms: number): Promise<void> {
  await turns();
  time.tick(ms);
  await turns();
}

/** Answers the last `thread.open`. */
export function opened(
  socket: ScriptedSocket,
  { headSeq = 0, activeRun = null, recovered = true }: {
    headSeq?: number;
    activeRun?: { runId: string; attempt: number } | null;
    recovered?: boolean;
  } = {},
): void {
  const { id: ref, threadId } = socket.last("thread.open");
  socket.tell({ type: "thread.opened", ref, threadId, headSeq, activeRun, recovered });
}

/** Answers the last `message.send`. */
export function acked(
  socket: ScriptedSocket,
  { seq = 1, runId = "r1", duplicate = false } = {},
): void {
  const { id: ref, threadId } = socket.last("message.send");
  socket.tell({ type: "ack", ref, threadId, seq, runId, duplicate });
}

/** Refuses the last frame of a type. */
export function refused(
  socket: ScriptedSocket,
  type: ClientFrameType,
  error: { code: ErrorCode; retryable?: boolean; retryAfterMs?: number },
): void {
  const { id: ref } = socket.last(type);
  socket.tell({ type: "error", ref, message: "No.", retryable: false, ...error });
}

/** A message's entry. */
export function said(id: string, text = id): Entry {
  const createdAt = "2026-01-01T00:00:00.000Z";
  return { kind: "message", role: "user", id, parts: [{ type: "text", text }], createdAt };
}

/** A run's start. */
export function began(runId: string, attempt = 1, replyTo = "m1"): Entry {
  return { kind: "run.started", runId, attempt, agent: "default", replyTo };
}

/** A run's answer. */
export function answered(
  runId: string,
  text: string,
  more: Partial<Extract<Entry, { role: "assistant" }>> = {},
): Entry {
  return {
    kind: "message",
    role: "assistant",
    id: `a-${runId}`,
    runId,
    attempt: 1,
    agent: "default",
    parts: [{ type: "step-start" }, { type: "text", text, state: "done" }],
    outcome: "completed",
    createdAt: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}

/** Entries of `thread-1` as frames, the first numbered `seq`. */
export function entries(seq: number, ...all: Entry[]): ServerFrame[] {
  return all.map((entry, at) => ({ type: "entry", threadId: "thread-1", seq: seq + at, entry }));
}

/** Words of `thread-1`'s run `r1`, one chunk each, the first at `index`. */
export function words(index: number, texts: readonly string[], attempt = 1): ServerFrame {
  const chunks = texts.map((delta) => ({ type: "text-delta", id: "t", delta }));
  return { type: "chunks", threadId: "thread-1", runId: "r1", attempt, index, chunks };
}

/** The kinds of states, in order. */
export function kinds(states: readonly ClientState[]): string[] {
  return states.map(({ kind }) => kind);
}

/** Asserts that a promise rejects with that code. */
export async function assertRefused(work: Promise<unknown>, code: string): Promise<void> {
  const outcome = await work.then(() => "no error", (error) => error.code ?? error);
  assertEquals(outcome, code);
}
