/**
 * An upgraded socket: it becomes a chat, or tells why there is none.
 *
 * @module
 */
import type { Principal } from "../lib/auth/principal.ts";
import { closeLabel } from "../lib/chat/close_codes.ts";
import { type Connection, reconnectAfterMs } from "../lib/chat/connections.ts";
import type { Due } from "../lib/chat/deadlines.ts";
import { encodeFrame, errorFrame, type ServerFrame } from "../lib/chat/protocol.ts";
import { ChatSession } from "../lib/chat/session.ts";
import { WebSocketChannel } from "../lib/chat/socket.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import type { ServerContext } from "../lib/server_context.ts";
import type { Admitted } from "../lib/startup/passage.ts";
import { refusalOf } from "../lib/startup/refusal.ts";
import type { Services } from "../lib/services.ts";
import { DEFAULT_RETRY_AFTER_MS } from "./problem.ts";

/** What a socket is served with. */
export interface Serving {
  readonly server: ServerContext;
  readonly requestId: string;
  /** Given back when the socket has closed, or never opened. */
  readonly connection: Connection;
  /** What the socket is to be. */
  readonly admitted: Admitted<Services, Principal>;
}

/** Longest time from the upgrade to `open`, milliseconds: a client that has left gets no event, ever. */
const OPEN_TIMEOUT_MS = 10_000;

const EVENTS = ["open", "message", "error", "close"] as const;

/**
 * Listens to one socket: a single object for all its events, since thousands are open. Whatever
 * is thrown in a handler closes this socket and nothing else.
 */
export class ServedSocket implements EventListenerObject, Due {
  readonly #server: ServerContext;
  readonly #requestId: string;
  readonly #connection: Connection;
  readonly #channel: WebSocketChannel;
  readonly #openByMs = Date.now() + OPEN_TIMEOUT_MS;
  /** Until it opens. */
  #admitted: Admitted<Services, Principal> | null;
  #session: ChatSession | null = null;
  #closed = false;

  private constructor(socket: WebSocket, { server, requestId, connection, admitted }: Serving) {
    this.#server = server;
    this.#requestId = requestId;
    this.#connection = connection;
    this.#channel = new WebSocketChannel(socket);
    this.#admitted = admitted;
  }

  /** Serves a socket that was upgraded in this turn, until it closes. */
  static serve(socket: WebSocket, serving: Serving): void {
    const served = new ServedSocket(socket, serving);
    for (const type of EVENTS) socket.addEventListener(type, served);
    serving.server.sessions.deadlines.add(served.#openByMs, served);
  }

  /** Takes an event of the socket. Never throws. */
  handleEvent(event: Event): void {
    try {
      this.#handle(event);
    } catch (error) {
      this.#server.log.error("A socket handler failed", { requestId: this.#requestId, error });
      this.#session?.dispose();
      this.#channel.close(1011, "Internal error");
    }
  }

  /** It did not open in time. */
  comesDue(): void {
    this.#admitted = null;
    this.#connection.release();
  }

  #handle(event: Event): void {
    switch (event.type) {
      case "open":
        return this.#open();
      case "message":
        return this.#session?.receive((event as MessageEvent).data);
      case "close":
        return this.#close((event as CloseEvent).code);
      default:
        // Of an error, `close` follows, and says how it ended.
    }
  }

  #open(): void {
    this.#forgetOpening();
    const admitted = this.#admitted;
    this.#admitted = null;
    // Its place may be another's by now.
    if (admitted === null) this.#refuse(unavailable());
    else this.#session = this.#begin(admitted);
  }

  #close(code: number): void {
    // It can come twice.
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetOpening();
    this.#session?.dispose();
    this.#connection.release();
    const label = closeLabel(this.#channel.closeCode, code);
    this.#server.metrics.record("closes_total", { code: label });
  }

  #forgetOpening(): void {
    this.#server.sessions.deadlines.remove(this.#openByMs, this);
  }

  /** Opens the chat, or says why there is none. */
  #begin({ verdict, principal, waitedMs }: Admitted<Services, Principal>): ChatSession | null {
    const { gate, sessions } = this.#server;
    // The drain may have begun since the verdict.
    if (verdict.kind === "draining" || gate.draining) return this.#refuseDraining();
    if (verdict.kind !== "ready") return this.#refuse(refusalOf(verdict));
    if (!verdict.ready.services.available()) {
      return this.#refuse(unavailable());
    }
    const session = ChatSession.open(verdict.ready, principal, this.#channel, {
      sessionId: this.#requestId,
      waitedMs,
      host: sessions,
    });
    this.#connection.register(session);
    return session;
  }

  /** A browser shows neither status nor body of a failed handshake, so the socket tells. */
  #refuse(error: AppError, frame: ServerFrame = errorFrame(toAppError(error))): null {
    const { metrics } = this.#server;
    metrics.record("gate_refusals_total", { code: error.code });
    metrics.record("frames_total", { direction: "out", type: frame.type });
    this.#channel.send(encodeFrame(frame));
    this.#channel.close(error.shape.closeCode ?? 1011, error.shape.closeReason ?? "");
    return null;
  }

  #refuseDraining(): null {
    const frame = { type: "session.draining", reconnectAfterMs: reconnectAfterMs() } as const;
    return this.#refuse(new AppError("DRAINING"), frame);
  }
}

function unavailable(): AppError {
  return new AppError("SERVICE_UNAVAILABLE", { retryAfterMs: DEFAULT_RETRY_AFTER_MS });
}
