/**
 * One open chat: a socket whose owner is known, before services that are ready.
 *
 * @module
 */
import type { Principal } from "../auth/principal.ts";
import { AppError, type ErrorCode, ERRORS, type ErrorShape, toAppError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Tracer } from "../observe/tracing.ts";
import type { Services } from "../services.ts";
import type { Ready } from "../startup/barrier.ts";
import { UnknownCommitError } from "../threads/store.ts";
import { CLOSES } from "./close_codes.ts";
import { FrameBudget } from "./frame_budget.ts";
import { FrameHandlers } from "./frame_handlers.ts";
import { isLonger } from "./frame_size.ts";
import { PacedOutlet } from "./paced_outlet.ts";
import {
  type ClientFrame,
  encodeFrame,
  errorFrame,
  parseClientFrame,
  type ServerFrame,
  type ServerFrameType,
} from "./protocol.ts";
import type { ChatSocket } from "./socket.ts";

/** What a session tells its instance of. */
export interface SessionEvents {
  /** A frame went in or out. `type` is the protocol's, `invalid`, or `dropped` for one that was not read. */
  readonly onFrame: (direction: "in" | "out", type: string) => void;
  /** The reader was too slow. */
  readonly onSlowConsumer: () => void;
  /** A handler failed in a way that it should not. */
  readonly onFault: (error: unknown) => void;
}

/** What a session is opened with. */
export interface SessionOptions {
  readonly sessionId: string;
  /** Time from arrival at the gate, milliseconds. */
  readonly waitedMs: number;
  readonly limits: Limits;
  readonly events: SessionEvents;
  readonly tracer?: Tracer;
}

/** Longest timer of the platform, milliseconds (a 32-bit integer). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A chat from `session.ready` until its socket closes. */
export class ChatSession {
  readonly #principal: Principal;
  readonly #services: Services;
  readonly #socket: ChatSocket;
  readonly #options: SessionOptions;
  readonly #outlet: PacedOutlet;
  readonly #budget: FrameBudget;
  readonly #handlers: FrameHandlers;
  #expiresAtMs: number;
  #expiryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Frames are handled one after another, so that answers come in order. */
  #handling: Promise<void> = Promise.resolve();
  #closed = false;
  #failed = false;

  private constructor(
    services: Services,
    principal: Principal,
    socket: ChatSocket,
    options: SessionOptions,
  ) {
    this.#services = services;
    this.#principal = principal;
    this.#socket = socket;
    this.#options = options;
    this.#expiresAtMs = principal.expiresAtMs;
    this.#budget = new FrameBudget(options.limits);
    this.#outlet = new PacedOutlet(socket, {
      maxUnsentBytes: options.limits.unsentBytes,
      onSent: (type: ServerFrameType) => options.events.onFrame("out", type),
      onSlow: () => {
        options.events.onSlowConsumer();
        this.#closeAs(CLOSES.slowConsumer);
      },
      onFault: (error) => this.#fail(error),
    });
    this.#handlers = new FrameHandlers({
      services,
      subject: principal.subject,
      outlet: this.#outlet,
      send: (frame) => this.#send(frame),
      refresh: (refreshed) => this.#refresh(refreshed),
      tracer: options.tracer,
    });
  }

  /** Opens a chat: greets the client and waits for its token's end. `socket` must be open. */
  static open(
    ready: Ready<Services>,
    principal: Principal,
    socket: ChatSocket,
    options: SessionOptions,
  ): ChatSession {
    const session = new ChatSession(ready.services, principal, socket, options);
    session.#greet();
    session.#awaitExpiry();
    return session;
  }

  /** Bytes that the reader has not taken; none once it is closed: another close frees nothing. */
  get unsentBytes(): number {
    return this.#closed ? 0 : this.#socket.bufferedAmount;
  }

  /** Takes one frame. Never throws, whatever comes. */
  receive(data: unknown): void {
    if (this.#closed) return;
    try {
      this.#receive(data);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Tells the client to come back later, and closes. */
  drain(reconnectAfterMs: number): void {
    this.#send({ type: "session.draining", reconnectAfterMs });
    this.#closeWith("DRAINING");
  }

  /** Closes the socket, and the session with it. */
  close(code: number, reason: string): void {
    this.dispose();
    this.#socket.close(code, reason);
  }

  /** Lets go of everything; called when the socket has closed. Again changes nothing. */
  dispose(): void {
    this.#closed = true;
    clearTimeout(this.#expiryTimer);
    this.#outlet.close();
    this.#handlers.close();
  }

  #greet(): void {
    const { sessionId, waitedMs, limits } = this.#options;
    this.#send({
      type: "session.ready",
      sessionId,
      subject: this.#principal.subject,
      expiresAt: new Date(this.#expiresAtMs).toISOString(),
      waitedMs: Math.round(waitedMs),
      degraded: this.#services.degraded(),
      limits: {
        frameBytes: limits.frameBytes,
        messageBytes: limits.messageBytes,
        framesPerSecond: limits.framesPerSecond,
      },
    });
  }

  #receive(data: unknown): void {
    const verdict = this.#budget.arrived();
    const { events: { onFrame }, limits } = this.#options;
    const isTooBig = typeof data === "string" && isLonger(data, limits.frameBytes);
    if (verdict !== "take") onFrame("in", "dropped");
    else if (typeof data !== "string" || isTooBig) onFrame("in", "invalid");
    if (verdict === "flooding") return this.#closeWith("RATE_LIMITED");
    if (typeof data !== "string") return this.#closeAs(CLOSES.unsupportedData);
    if (isTooBig) return this.#closeAs(CLOSES.tooBig);
    if (verdict === "drop") {
      const retryAfterMs = this.#budget.retryAfterMs;
      return this.#send(errorFrame(new AppError("RATE_LIMITED", { retryAfterMs })));
    }
    const parsed = parseClientFrame(data);
    if (parsed.ok) {
      onFrame("in", parsed.frame.type);
      this.#budget.good();
      return this.#handle(parsed.frame);
    }
    onFrame("in", "invalid");
    const { error, ref } = parsed;
    this.#send(errorFrame(error, ref));
    if (error.code === "INVALID_REQUEST") this.#budget.good();
    else if (!this.#budget.bad()) this.#closeWith(error.code);
  }

  #handle(frame: ClientFrame): void {
    // Nothing to wait for, and clients measure time with it.
    if (frame.type === "ping") return this.#send({ type: "pong", ref: frame.id });
    this.#handling = this.#handling.then(async () => {
      if (this.#closed) return;
      try {
        await this.#handlers.handle(frame);
      } catch (error) {
        if (error instanceof AppError) this.#send(errorFrame(error, frame.id));
        else this.#fail(error);
      }
    });
  }

  /** Something that nobody foresaw, or whose outcome nobody knows: no answer, and an end. */
  #fail(error: unknown): void {
    // To tell of it may fail in its turn.
    if (this.#failed) return;
    this.#failed = true;
    // Of an unknown commit nothing may be said: the client sends it again.
    const unknown = error instanceof UnknownCommitError;
    const shown = unknown ? new AppError("SERVICE_UNAVAILABLE") : toAppError(error);
    try {
      this.#options.events.onFault(error);
      this.#send(errorFrame(shown));
    } catch {
      // Nothing is left to tell it to. The socket ends all the same, and nothing else.
    }
    this.#closeWith(shown.code);
  }

  #refresh(principal: Principal): void {
    if (this.#closed) return;
    this.#expiresAtMs = principal.expiresAtMs;
    this.#awaitExpiry();
  }

  #awaitExpiry(): void {
    clearTimeout(this.#expiryTimer);
    const restMs = this.#expiresAtMs - Date.now();
    if (restMs <= 0) return this.#expire();
    this.#expiryTimer = setTimeout(() => this.#awaitExpiry(), Math.min(restMs, MAX_TIMER_MS));
  }

  #expire(): void {
    this.#send(errorFrame(new AppError("TOKEN_EXPIRED")));
    this.#closeWith("TOKEN_EXPIRED");
  }

  #send(frame: ServerFrame): void {
    this.#outlet.send(encodeFrame(frame));
  }

  #closeAs({ code, reason }: (typeof CLOSES)[keyof typeof CLOSES]): void {
    this.close(code, reason);
  }

  #closeWith(code: ErrorCode): void {
    const shape: ErrorShape = ERRORS[code];
    this.close(shape.closeCode ?? 1011, shape.closeReason ?? "");
  }
}
