/**
 * Frames that get an answer, by their `id`.
 *
 * @module
 */
import type { ClientFrame } from "../chat/protocol.ts";
import { connectionLost, errorOf } from "./client_error.ts";
import type { Answer, Outgoing, ServerFrameOf } from "./frames.ts";
import { deferred } from "./wait.ts";

interface Waiting {
  readonly onAnswer: ((answer: Answer) => void) | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** What was asked on the present socket and got no answer yet. */
export class Requests {
  readonly #send: (frame: ClientFrame) => boolean;
  readonly #waiting = new Map<string, Waiting>();
  #last = 0;

  /** `send` is false where there is no socket. */
  constructor(send: (frame: ClientFrame) => boolean) {
    this.#send = send;
  }

  /**
   * Sends a frame and waits for its answer. `onAnswer` is called with it before the next frame is
   * read.
   *
   * @throws {DrawbridgeError} what the server answers, or `CONNECTION_LOST`.
   */
  ask(frame: Outgoing, onAnswer?: (answer: Answer) => void): Promise<Answer> {
    const id = `c${++this.#last}`;
    const { promise, resolve, reject } = deferred<Answer>();
    this.#waiting.set(id, { onAnswer, resolve, reject });
    if (!this.#send({ ...frame, id } as ClientFrame)) {
      this.#waiting.delete(id);
      reject(connectionLost());
    }
    return promise;
  }

  /** Takes an answer. */
  settle(frame: Answer | ServerFrameOf<"error">): void {
    const ref = frame.ref ?? "";
    const waiting = this.#waiting.get(ref);
    if (waiting === undefined) return;
    this.#waiting.delete(ref);
    if (frame.type === "error") return waiting.reject(errorOf(frame));
    waiting.onAnswer?.(frame);
    waiting.resolve(frame);
  }

  /** The socket is gone: nothing will be answered. */
  lose(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(connectionLost());
  }
}
