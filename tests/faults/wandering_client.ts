/**
 * A client that comes back: whatever happens to its socket, it connects again,
 * opens its threads where it was, and sends again what got no answer.
 * Needs `net`.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { OnBusy, RunPosition, ServerFrame } from "../../lib/chat/protocol.ts";
import { SUBPROTOCOL } from "../../lib/chat/protocol.ts";
import type { Chunk } from "./history.ts";
import type { Recorder } from "./recorder.ts";
import { asPublished } from "../support/published.ts";

/** What a client is made of. */
export interface WanderingClientParts {
  readonly subject: string;
  /** Names it among all clients. */
  readonly name: string;
  readonly token: string;
  readonly recorder: Recorder;
  /** Where the server is now; `null` where it is nowhere. */
  readonly address: () => string | null;
}

/** A message as it was first sent. */
export interface OutgoingMessage {
  readonly threadId: string;
  readonly message: { readonly id: string; readonly text: string };
  readonly onBusy: OnBusy;
}

/** A thread as this client knows it. */
export interface KnownThread {
  /** The last entry seen. */
  afterSeq: number;
  /** The last chunk seen. */
  position: RunPosition | null;
  /** Runs that were seen to start and not to end. */
  readonly running: Set<string>;
}

/** Wait before another try to connect, milliseconds. */
const RECONNECT_MS = 50;

/** One client, from its making until {@linkcode WanderingClient.leave}. */
export class WanderingClient {
  /** What it knows of each thread, by id. */
  readonly threads = new Map<string, KnownThread>();
  /** Messages without an answer, by id. */
  readonly unanswered = new Map<string, OutgoingMessage>();
  /** Messages that were acknowledged. */
  readonly acknowledged: OutgoingMessage[] = [];
  readonly #parts: WanderingClientParts;
  /** What each frame of the present socket asked for, by its id. */
  readonly #asked = new Map<string, OutgoingMessage | { readonly opens: string }>();
  readonly #done: Promise<void>;
  #socket: WebSocket | null = null;
  #isReady = false;
  #isLeaving = false;
  #generation = 0;
  #refs = 0;

  /** Begins to connect. */
  constructor(parts: WanderingClientParts) {
    this.#parts = parts;
    this.#done = this.#wander();
  }

  /** Whether the server has greeted it. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** What it knows of a thread. */
  known(threadId: string): KnownThread {
    const known = this.threads.get(threadId) ??
      { afterSeq: 0, position: null, running: new Set() };
    this.threads.set(threadId, known);
    return known;
  }

  /** Sends a message now, if it is connected, and after each reconnect until it is answered. */
  say(message: OutgoingMessage): void {
    this.unanswered.set(message.message.id, message);
    if (this.#isReady) this.#say(message);
  }

  /** Sends a message whose answer nobody waits for: one that was acknowledged, or its id with another text. */
  repeat(message: OutgoingMessage): void {
    if (this.#isReady) this.#say(message);
  }

  /** Asks a run to end. */
  cancel(threadId: string, runId: string): void {
    if (this.#isReady) this.#send({ type: "run.cancel", threadId, runId });
  }

  /** Opens a thread where it was last seen. */
  open(threadId: string): void {
    if (!this.#isReady) return;
    const { afterSeq, position: run } = this.known(threadId);
    const ref = this.#send({
      type: "thread.open",
      threadId,
      afterSeq,
      ...(run === null ? {} : { run }),
    });
    this.#asked.set(ref, { opens: threadId });
    this.#observe({ kind: "opening", ref, threadId, afterSeq, run });
  }

  /** Drops its socket, and comes back. */
  drop(): void {
    this.#socket?.close();
  }

  /** Drops its socket for good. Resolves when it is closed. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.drop();
    await this.#done;
  }

  async #wander(): Promise<void> {
    while (!this.#isLeaving) {
      const address = this.#parts.address();
      if (address !== null) await this.#visit(address);
      if (!this.#isLeaving) await delay(RECONNECT_MS);
    }
  }

  /** One connection, until it has ended. */
  async #visit(address: string): Promise<void> {
    this.#generation++;
    const url = new URL("/ws", address.replace(/^http/, "ws"));
    const socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${this.#parts.token}`]);
    this.#socket = socket;
    const closed = Promise.withResolvers<void>();
    let isOpen = true;
    socket.onmessage = ({ data }) => {
      if (isOpen) this.#take(asPublished("server", JSON.parse(data)));
    };
    // `onclose` follows.
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = ({ code }) => {
      if (!isOpen) return;
      isOpen = false;
      if (this.#isReady) this.#observe({ kind: "closed", code });
      closed.resolve();
    };
    await closed.promise;
    this.#isReady = false;
    this.#socket = null;
    this.#asked.clear();
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case "session.ready":
        this.#isReady = true;
        for (const threadId of this.threads.keys()) this.open(threadId);
        for (const message of this.unanswered.values()) this.#say(message);
        return;
      case "ack":
        return this.#takeAck(frame);
      case "error":
        return this.#takeError(frame);
      case "thread.opened": {
        const { ref, threadId, headSeq, activeRun, recovered } = frame;
        this.#observe({ kind: "opened", ref, threadId, headSeq, activeRun, recovered });
        if (!recovered) this.known(threadId).position = null;
        return;
      }
      case "entry":
        return this.#takeEntry(frame);
      case "chunk":
        return this.#takeChunks(frame, [frame.chunk]);
      case "chunks":
        return this.#takeChunks(frame, frame.chunks);
    }
  }

  #takeAck({ ref, threadId, seq, runId, duplicate }: Extract<ServerFrame, { type: "ack" }>): void {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    if (asked === undefined || "opens" in asked) return;
    const ack = { threadId: threadId!, seq: seq!, runId: runId!, duplicate: duplicate! };
    this.#observe({ kind: "acked", ref, ...ack });
    this.known(asked.threadId);
    if (this.unanswered.delete(asked.message.id)) this.acknowledged.push(asked);
  }

  #takeError({ ref = "", code }: Extract<ServerFrame, { type: "error" }>): void {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    if (asked === undefined || "opens" in asked) return;
    this.#observe({ kind: "refused", ref, code });
    if (this.unanswered.get(asked.message.id) === asked) {
      this.unanswered.delete(asked.message.id);
    }
  }

  #takeEntry({ threadId, seq, entry }: Extract<ServerFrame, { type: "entry" }>): void {
    this.#observe({ kind: "entry", threadId, seq, entry });
    const known = this.known(threadId);
    known.afterSeq = seq;
    if (entry.kind === "run.started") {
      known.running.add(entry.runId);
    } else if (entry.role === "assistant") known.running.delete(entry.runId);
  }

  #takeChunks(
    { threadId, runId, attempt, index: first }: Extract<ServerFrame, { type: "chunk" | "chunks" }>,
    chunks: readonly Chunk[],
  ): void {
    chunks.forEach((chunk, at) => {
      const index = first + at;
      this.#observe({ kind: "chunk", threadId, runId, attempt, index, chunk });
      this.known(threadId).position = { runId, attempt, index };
    });
  }

  #say(message: OutgoingMessage): void {
    const ref = this.#send({ type: "message.send", ...message });
    this.#asked.set(ref, message);
    const { threadId, message: { id, text } } = message;
    this.#observe({ kind: "sent", ref, threadId, message: { id, text } });
  }

  #send(frame: { readonly type: string; readonly [name: string]: unknown }): string {
    const id = `f${++this.#refs}`;
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(asPublished("client", { ...frame, id })));
    }
    return id;
  }

  #observe(observed: Parameters<Recorder["add"]>[1]): void {
    const { recorder, subject, name } = this.#parts;
    recorder.add({ subject, name: `${name}.${this.#generation}` }, observed);
  }
}
