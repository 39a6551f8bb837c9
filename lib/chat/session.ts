/**
 * One open chat: a socket whose owner is known, before services that are ready.
 *
 * @module
 */
import type { Principal } from "../auth/principal.ts";
import { AppError, type ErrorCode, ERRORS, type ErrorShape, toAppError } from "../errors.ts";
import type { Services } from "../services.ts";
import type { Ready } from "../startup/barrier.ts";
import { UnknownCommitError } from "../threads/store.ts";
import { CLOSES } from "./close_codes.ts";
import type { Due } from "./deadlines.ts";
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
import type { SessionHost } from "./session_host.ts";
import type { ChatSocket } from "./socket.ts";

/** What a session is opened with. */
export interface SessionOptions {
  readonly sessionId: string;
  /** Time from arrival at the gate, milliseconds. */
  readonly waitedMs: number;
  readonly host: SessionHost;
}

/** A chat from `session.ready` until its socket closes. */
export class ChatSession implements Due {
  readonly #principal: Principal;
  readonly #services: Services;
  readonly #socket: ChatSocket;
  readonly #sessionId: string;
  readonly #host: SessionHost;
  readonly #outlet: PacedOutlet;
  readonly #budget: FrameBudget;
  /** Made for the first frame that needs them: many sockets only wait. */
  #handlers: FrameHandlers | null = null;
  #expiresAtMs: number;
  /** Frames are handled one after another, so that answers come in order. */
  #handling: Promise<void> | null = null;
  #closed = false;
  #failed = false;

  private constructor(
    services: Services,
    principal: Principal,
    socket: ChatSocket,
    { sessionId, host }: SessionOptions,
  ) {
    this.#services = services;
    this.#principal = principal;
    this.#socket = socket;
    this.#sessionId = sessionId;
    this.#host = host;
    this.#expiresAtMs = principal.expiresAtMs;
    this.#budget = new FrameBudget(host.limits);
    const { events } = host;
    this.#outlet = new PacedOutlet(socket, {
      maxUnsentBytes: host.limits.unsentBytes,
      onSent: (type: ServerFrameType) => events.onFrame("out", type),
      onSlow: () => {
        events.onSlowConsumer();
        this.#closeAs(CLOSES.slowConsumer);
      },
      onFault: (error) => this.#fail(error),
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
    session.#greet(options);
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
    this.#host.deadlines.remove(this.#expiresAtMs, this);
    this.#outlet.close();
    this.#handlers?.close();
  }

  /** Its token has expired; its host's deadlines call it. */
  comesDue(): void {
    this.#send(errorFrame(new AppError("TOKEN_EXPIRED")));
    this.#closeWith("TOKEN_EXPIRED");
  }

  #greet({ sessionId, waitedMs, host: { limits } }: SessionOptions): void {
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
    const { events: { onFrame }, limits } = this.#host;
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
    const before = this.#handling ?? Promise.resolve();
    this.#handling = before.then(async () => {
      if (this.#closed) return;
      try {
        await (this.#handlers ??= this.#makeHandlers()).handle(frame);
      } catch (error) {
        if (error instanceof AppError) this.#send(errorFrame(error, frame.id));
        else this.#fail(error);
      }
    });
  }

  #makeHandlers(): FrameHandlers {
    return new FrameHandlers({
      services: this.#services,
      subject: this.#principal.subject,
      outlet: this.#outlet,
      send: (frame) => this.#send(frame),
      refresh: (refreshed) => this.#refresh(refreshed),
      tracer: this.#host.tracer,
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
      this.#host.events.onFault(error, this.#sessionId);
      this.#send(errorFrame(shown));
    } catch {
      // Nothing is left to tell it to. The socket ends all the same, and nothing else.
    }
    this.#closeWith(shown.code);
  }

  #refresh(principal: Principal): void {
    if (this.#closed) return;
    this.#host.deadlines.remove(this.#expiresAtMs, this);
    this.#expiresAtMs = principal.expiresAtMs;
    this.#awaitExpiry();
  }

  #awaitExpiry(): void {
    if (this.#expiresAtMs <= Date.now()) this.comesDue();
    else this.#host.deadlines.add(this.#expiresAtMs, this);
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
