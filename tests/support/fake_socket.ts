/**
 * A socket that a test reads and whose reader it plays. Every frame sent through it is held
 * against the published document.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { ChatSocket } from "../../lib/chat/socket.ts";
import type { ServerFrame, ServerFrameType } from "../../lib/chat/protocol.ts";
import { frameViolations } from "./published.ts";

/** The server frame of one type. */
export type ServerFrameOf<Type extends ServerFrameType> = Extract<ServerFrame, { type: Type }>;

/** How a socket was closed. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** Longest wait for a frame, milliseconds: only so that a test that hangs ends. */
const GUARD_MS = 20_000;

const encoder = new TextEncoder();

/** A {@linkcode ChatSocket} in memory. Its reader takes everything at once, unless it is `stalled`. */
export class FakeSocket implements ChatSocket {
  /** Every frame as text, in order. */
  readonly texts: string[] = [];
  /** Every frame, in order. */
  readonly frames: ServerFrame[] = [];
  /** What was sent although the protocol has no such frame. */
  readonly violations: string[] = [];
  /** The close, once there was one. */
  closed: Closing | null = null;
  /** While true, what is sent stays unread until {@linkcode take}. */
  stalled: boolean;
  /** Most bytes that were unread at a time. */
  peakBytes = 0;
  #unreadBytes = 0;
  readonly #watchers = new Set<() => void>();

  /** Makes an open socket. */
  constructor({ stalled = false }: { stalled?: boolean } = {}) {
    this.stalled = stalled;
  }

  get bufferedAmount(): number {
    return this.#unreadBytes;
  }

  send(text: string): void {
    if (this.closed !== null) return;
    const frame = JSON.parse(text) as ServerFrame;
    this.texts.push(text);
    this.frames.push(frame);
    this.violations.push(...frameViolations("server", frame));
    if (this.stalled) this.#unreadBytes += encoder.encode(text).length;
    this.peakBytes = Math.max(this.peakBytes, this.#unreadBytes);
    this.#changed();
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
    this.#changed();
  }

  /** The reader takes so many bytes; all without a number. */
  take(bytes = Infinity): void {
    this.#unreadBytes = Math.max(0, this.#unreadBytes - bytes);
  }

  /** The frames of one type, in order. */
  all<Type extends ServerFrameType>(type: Type): ServerFrameOf<Type>[] {
    return this.frames.filter((frame): frame is ServerFrameOf<Type> => frame.type === type);
  }

  /** The only frame of one type. */
  only<Type extends ServerFrameType>(type: Type): ServerFrameOf<Type> {
    const [frame, ...others] = this.all(type);
    assertEquals([frame?.type, others.length], [type, 0], `one ${type} in ${this.describe()}`);
    return frame!;
  }

  /** Resolves once `holds` of this socket; rejects where that takes too long. */
  async until(holds: (socket: this) => boolean, what = "what was awaited"): Promise<void> {
    if (holds(this)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watcher = (): void => {
      if (holds(this)) resolve();
    };
    const guard = setTimeout(
      () => reject(new Error(`Cannot see ${what} in ${this.describe()}`)),
      GUARD_MS,
    );
    this.#watchers.add(watcher);
    try {
      await promise;
    } finally {
      clearTimeout(guard);
      this.#watchers.delete(watcher);
    }
  }

  /** Resolves to the answer to the frame `ref`: the first that refers to it. */
  async answerTo(ref: string): Promise<ServerFrame> {
    const find = () => this.frames.find((frame) => "ref" in frame && frame.ref === ref);
    await this.until(() => find() !== undefined, `an answer to ${ref}`);
    return find()!;
  }

  /** Resolves to the close. */
  async closing(): Promise<Closing> {
    await this.until(() => this.closed !== null, "a close");
    return this.closed!;
  }

  /** The types of all frames, for messages. */
  describe(): string {
    const types = this.frames.map((frame) => frame.type === "error" ? frame.code : frame.type);
    return `[${types.join(" ")}] ${JSON.stringify(this.closed)}`;
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
