/**
 * One socket, from its making to its end.
 *
 * @module
 */
import type { ClientFrame, ServerFrame } from "../chat/protocol.ts";
import { readServerFrame, type ServerFrameOf, type Session } from "./frames.ts";
import { PacedSender } from "./pace.ts";
import type { ClientSocket } from "./socket.ts";
import { deferred } from "./wait.ts";

/** How a socket ended. */
export interface LinkEnd {
  /** The close code; 1006 where the connection was simply lost. */
  readonly code: number;
  /** False where the handshake failed: nobody can read why. */
  readonly wasOpen: boolean;
  /** When the server greeted, by the client's clock; null where it did not. */
  readonly readyAtMs: number | null;
  /** The last `error` frame that answered nothing: why the server closes. */
  readonly error: ServerFrameOf<"error"> | null;
  /** From `session.draining`. */
  readonly reconnectAfterMs: number | null;
}

/** What a link tells. */
export interface LinkEvents {
  /** The handshake is done. */
  readonly onOpen: () => void;
  /** The server greeted: frames may be sent. */
  readonly onReady: (session: Session) => void;
  /** Every other frame that concerns more than this socket. */
  readonly onFrame: (frame: ServerFrame) => void;
}

/** Longest wait for the greeting, milliseconds: the gate holds a client for 30 s by default. */
const GREETING_TIMEOUT_MS = 60_000;

/** Silence after which the server is asked whether it is there, milliseconds. */
const SILENCE_MS = 20_000;

/** Longest silence, milliseconds. */
const LONGEST_SILENCE_MS = 30_000;

/** Time between two looks at the silence, milliseconds. */
const LOOK_MS = 5_000;

/** RFC 6455 §7.1.5: no close frame came. */
const ABNORMAL = 1006;

/** One socket. */
export class Link {
  /** Resolves when it is over; nothing is told any more. */
  readonly ended: Promise<LinkEnd>;
  /** Resolves when the socket itself is closed, which may take longer. */
  readonly closed: Promise<void>;
  readonly #socket: ClientSocket;
  readonly #events: LinkEvents;
  readonly #end = deferred<LinkEnd>();
  readonly #close = deferred<void>();
  readonly #greeting: ReturnType<typeof setTimeout>;
  #sender: PacedSender | null = null;
  #listening: ReturnType<typeof setInterval> | undefined;
  #heardAtMs = Date.now();
  #isOver = false;
  #wasOpen = false;
  #readyAtMs: number | null = null;
  #error: ServerFrameOf<"error"> | null = null;
  #reconnectAfterMs: number | null = null;

  /** Takes a socket that was just made. */
  constructor(socket: ClientSocket, events: LinkEvents) {
    this.#socket = socket;
    this.#events = events;
    this.ended = this.#end.promise;
    this.closed = this.#close.promise;
    this.#greeting = setTimeout(() => this.cut(), GREETING_TIMEOUT_MS);
    socket.onopen = () => {
      this.#wasOpen = true;
      if (!this.#isOver) events.onOpen();
    };
    socket.onmessage = ({ data }) => {
      if (!this.#isOver) this.#take(data);
    };
    // `onclose` follows. Deno reports what nobody prevents.
    socket.onerror = (event) => event.preventDefault?.();
    socket.onclose = ({ code }) => {
      this.#close.resolve();
      this.#over(code);
    };
  }

  /** Whether the server greeted and the socket is not over. */
  get isReady(): boolean {
    return this.#sender !== null && !this.#isOver;
  }

  /** Sends a frame; false where that is not possible. */
  send(frame: ClientFrame): boolean {
    if (!this.isReady) return false;
    this.#sender?.send(JSON.stringify(frame));
    return true;
  }

  /** Ends it at once, without waiting for the other side. */
  cut(code = ABNORMAL): void {
    if (this.#isOver) return;
    this.#over(code);
    try {
      this.#socket.close(1000);
    } catch {
      // It was never open, or is closed.
    }
  }

  #take(data: unknown): void {
    this.#heardAtMs = Date.now();
    const frame = readServerFrame(data);
    switch (frame?.type) {
      case undefined:
        return;
      case "session.ready":
        return this.#greet(frame);
      case "session.draining":
        this.#reconnectAfterMs = frame.reconnectAfterMs;
        return;
      case "error":
        if (frame.ref !== undefined) return this.#events.onFrame(frame);
        this.#error = frame;
        // One of our frames was dropped, and nobody knows which: on a new socket all that has no
        // answer is sent again.
        if (frame.code === "RATE_LIMITED") this.cut();
        return;
      default:
        return this.#events.onFrame(frame!);
    }
  }

  #greet({ type: _, ...session }: ServerFrameOf<"session.ready">): void {
    clearTimeout(this.#greeting);
    this.#readyAtMs = Date.now();
    this.#sender = new PacedSender(
      (text) => this.#socket.send(text),
      session.limits.framesPerSecond,
    );
    this.#listening = setInterval(() => this.#listen(), LOOK_MS);
    this.#events.onReady(session);
  }

  /** A connection can be dead without a word: then no pong comes. */
  #listen(): void {
    const silenceMs = Date.now() - this.#heardAtMs;
    if (silenceMs >= LONGEST_SILENCE_MS + LOOK_MS) {
      // The timer itself slept: whether the connection survived is not known yet.
      this.#heardAtMs = Date.now() - SILENCE_MS;
      this.send({ type: "ping", id: "p" });
    } else if (silenceMs >= LONGEST_SILENCE_MS) this.cut();
    else if (silenceMs >= SILENCE_MS) this.send({ type: "ping", id: "p" });
  }

  #over(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#greeting);
    clearInterval(this.#listening);
    this.#sender?.close();
    this.#end.resolve({
      code,
      wasOpen: this.#wasOpen,
      readyAtMs: this.#readyAtMs,
      error: this.#error,
      reconnectAfterMs: this.#reconnectAfterMs,
    });
  }
}
