/**
 * Many sockets at once, opened as fast as a server lets them in.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { MissingTarget, type TargetName } from "../bench.ts";
import { openFilesLimit } from "./cores.ts";
import { type Dialect, dialectOf, type Kind } from "./dialect.ts";
import type { Target } from "./target.ts";
import { handshake, textOf, Wire } from "./wire.ts";

/** Handshakes under way at once. */
const WINDOW = 64;

/** Files that a process has open besides its sockets, and those of another crowd. */
const OTHER_FILES = 200;

/** Longest of any load, milliseconds: a figure that needs more is none. */
const LONGEST_MS = 120_000;

/** Takes every text after the greeting. */
export type OnFrame = (kind: Kind, payload: Uint8Array, wire: Wire) => void;

/** Sockets of one target. `using` closes them. */
export class Crowd implements Disposable {
  /** All sockets, in the order of their tokens. */
  readonly wires: Wire[] = [];
  /** How to talk to them. */
  readonly dialect: Dialect;
  /** Takes every text after the greetings. */
  onFrame: OnFrame = () => {};
  /** Counts sockets that ended and errors that came, instead of rejecting. */
  tolerant = false;
  /** How many, where it is tolerant. */
  faults = 0;
  /** When each was greeted, milliseconds since the epoch, in the order of arrival. */
  readonly readyAt: number[] = [];
  readonly #port: number;
  #waiting: { readonly count: number; readonly resolve: () => void } | null = null;
  #fault: ((error: Error) => void) | null = null;
  #closing = false;

  /** Has no sockets yet. */
  constructor(name: TargetName, target: Target) {
    this.dialect = dialectOf(name);
    this.#port = target.port;
  }

  /** Opens a socket for each token, and resolves when all are greeted; milliseconds it took. */
  async open(tokens: readonly string[]): Promise<number> {
    const requests = this.#requests(tokens);
    const startedMs = performance.now();
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < requests.length) {
        const greeted = Promise.withResolvers<void>();
        await this.#knock(requests[next++]!, () => greeted.resolve());
        await greeted.promise;
      }
    };
    await this.#orFault(Promise.all(Array.from({ length: WINDOW }, lane)));
    return performance.now() - startedMs;
  }

  /** Sends a handshake for each token; the answers may take their time. See {@linkcode ready}. */
  async knock(tokens: readonly string[]): Promise<void> {
    const requests = this.#requests(tokens);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < requests.length) await this.#knock(requests[next++]!, () => {});
    };
    await this.#orFault(Promise.all(Array.from({ length: WINDOW }, lane)));
  }

  /** Resolves when so many in all have been greeted. */
  async ready(count: number): Promise<void> {
    if (this.readyAt.length >= count) return;
    await this.#orFault(new Promise<void>((resolve) => this.#waiting = { count, resolve }));
  }

  /** Runs `work`, which ends when it calls `done`; rejects where a socket ends first. Milliseconds it took. */
  async time(work: (done: () => void) => void): Promise<number> {
    const startedMs = performance.now();
    await this.#orFault(new Promise<void>((resolve) => work(resolve)));
    return performance.now() - startedMs;
  }

  /** Closes every socket. */
  [Symbol.dispose](): void {
    this.#closing = true;
    for (const wire of this.wires) wire.close();
  }

  #requests(tokens: readonly string[]): Uint8Array[] {
    const files = openFilesLimit();
    const needed = this.wires.length + tokens.length + OTHER_FILES;
    if (files !== null && files < needed) {
      throw new MissingTarget(`${needed} files must be open, and only ${files} may be`);
    }
    return tokens.map((token) => handshake(token, this.dialect.path));
  }

  async #knock(request: Uint8Array, onReady: () => void): Promise<void> {
    let greeted = false;
    const wire = await Wire.knock({
      port: this.#port,
      request,
      onUpgraded: (status) => {
        if (status !== 101) this.#fail(`A handshake was answered with ${status}`);
      },
      onText: (payload, wire) => {
        const kind = this.dialect.kindOf(payload, wire);
        if (greeted) {
          if (kind === "other" && this.dialect.path === "/ws") this.#fail(textOf(payload));
          this.onFrame(kind, payload, wire);
        } else if (kind === "ready") {
          greeted = true;
          this.readyAt.push(performance.timeOrigin + performance.now());
          onReady();
          if (this.#waiting?.count === this.readyAt.length) this.#waiting.resolve();
        }
      },
    });
    wire.onEnd = (code) => {
      if (!this.#closing) this.#fail(`A socket ended with ${code}`);
    };
    this.wires.push(wire);
  }

  #fail(message: string): void {
    if (this.tolerant) this.faults++;
    else this.#fault?.(new Error(message));
  }

  async #orFault<T>(work: Promise<T>): Promise<T> {
    const fault = Promise.withResolvers<never>();
    this.#fault = fault.reject;
    return await deadline(Promise.race([work, fault.promise]), LONGEST_MS);
  }
}
