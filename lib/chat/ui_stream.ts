/**
 * The AI SDK's UI message stream of one run over server-sent events, for its
 * default client transport.
 *
 * @module
 */
import type { Principal } from "../auth/principal.ts";
import { AppError, toAppError } from "../errors.ts";
import { HIGH_WATER, MAX_TIMER_MS } from "../limits.ts";
import type { Services } from "../services.ts";
import { answerId } from "../threads/thread_edit.ts";
import type { Chunk } from "../agents/model.ts";
import type { Topic } from "./fan_out.ts";
import type { ServerFrame } from "./protocol.ts";
import { RunMessage } from "./run_message.ts";
import { SseChannel } from "./sse_channel.ts";
import { Subscription } from "./subscription.ts";
import type { Outlet, SubscriptionStart } from "./subscription_parts.ts";

/** Headers of the response, as the SDK's `createUIMessageStreamResponse` sets them. */
export const UI_STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache",
  "X-Vercel-AI-UI-Message-Stream": "v1",
  "X-Accel-Buffering": "no",
} as const;

/** What is streamed: a run, and where its thread is read from. */
export interface StreamedRun {
  readonly topic: Topic;
  readonly runId: string;
  /** At or before the run's `run.started`, or behind it with that run seen. */
  readonly start: SubscriptionStart;
}

/** What a {@linkcode UiStream} works with, and whom it tells. */
export interface UiStreamParts {
  readonly services: Pick<Services, "reader" | "fanOut" | "threads">;
  /** Whose token it lives by. */
  readonly principal: Principal;
  /** `LIMIT_UNSENT_BYTES`. */
  readonly maxUnsentBytes: number;
  /** Told once, when the stream holds nothing any more. */
  readonly onClosed: () => void;
  /** Told when the reader was too slow. */
  readonly onSlow: () => void;
  /** Told of something that should not happen. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Time between two looks at a stream, milliseconds. Each sends a sign of life where nothing else
 * waits to be read: proxies cut a silent stream after 30 s or more.
 */
const LOOK_MS = 15_000;

/** Time to read what was sent before the token expired, milliseconds; the stream ends within 5 s of it. */
const LAST_WORD_MS = 4_000;

/**
 * Streams one run from {@linkcode begin} to its end, and is no part of it: a
 * reader that leaves cancels nothing, and may come back for all of it.
 *
 * The stream ends with `finish`, `abort` (cancelled) or `error` (failed), then
 * `[DONE]`. An `error` also ends it, with the run going on, on a drain and on
 * the token's expiry. A reader that is too slow, or takes nothing for a while, is cut
 * off without a word: what it has not read is dropped, and its client takes that
 * for a network fault.
 */
export class UiStream implements Outlet {
  readonly #parts: UiStreamParts;
  readonly #run: StreamedRun;
  readonly #message: RunMessage;
  readonly #channel: SseChannel;
  readonly #subscription: Subscription;
  #unsubscribe: () => void = () => {};
  #looks: ReturnType<typeof setInterval> | undefined;
  #takenAtLook = -1;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  /** Prepares the stream of `run`; nothing happens before {@linkcode begin}. */
  constructor(run: StreamedRun, parts: UiStreamParts) {
    this.#parts = parts;
    this.#run = run;
    this.#message = new RunMessage(run.runId);
    this.#channel = new SseChannel({
      highWaterMark: Math.ceil(parts.maxUnsentBytes * HIGH_WATER),
      onClosed: () => {
        this.#stop();
        clearInterval(this.#looks);
        clearTimeout(this.#expiry);
        parts.onClosed();
      },
    });
    const { reader, fanOut } = parts.services;
    this.#subscription = new Subscription(
      { topic: run.topic, reader, fanOut, outlet: this },
      run.start,
    );
  }

  /** The body of the response. */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#channel.body;
  }

  /** Bytes that the reader has not taken. */
  get unsentBytes(): number {
    return this.#channel.unsentBytes;
  }

  /** Sends `start`, and then what the run has said and will say. */
  begin(): void {
    const { topic, runId } = this.#run;
    this.#write([this.#message.start(answerId(runId))]);
    this.#unsubscribe = this.#parts.services.fanOut.subscribe(topic, {
      onEntry: () => {},
      onChunks: () => {},
      onPoke: () => {},
      onDeleted: () => this.#endWith({ type: "abort" }),
    });
    this.#looks = setInterval(() => void this.#look(), LOOK_MS);
    this.#awaitExpiry();
    this.#subscription.begin();
  }

  /** Takes one frame of the subscription. */
  send(frame: string): void {
    if (this.#hasEnded) return;
    const keepsUp = !this.#channel.isFull;
    // Encoded by this server, so it is a frame.
    this.#write(this.#message.take(JSON.parse(frame) as ServerFrame));
    if (this.#message.hasEnded) this.#end();
    else if (!keepsUp && this.unsentBytes > this.#parts.maxUnsentBytes) this.#giveUp();
  }

  /** Resolves when the reader has taken enough; rejects once the stream has ended. */
  drained(): Promise<void> {
    return this.#channel.drained();
  }

  /** Ends the stream for something that should not happen. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#parts.onFault(error);
    this.#endWith(errorPart(toAppError(error)));
  }

  /** Ends the stream, so that its client resumes it elsewhere. */
  drain(): void {
    this.#endWith(errorPart(new AppError("DRAINING")));
  }

  /** Drops the stream and what is unsent. */
  close(): void {
    this.#channel.cut();
  }

  /** Looks whether the reader still takes something, and whether the thread is still there. */
  async #look(): Promise<void> {
    const { takenBytes, unsentBytes } = this.#channel;
    if (unsentBytes > 0 && takenBytes === this.#takenAtLook) return this.#giveUp();
    this.#takenAtLook = takenBytes;
    if (this.#hasEnded) return;
    if (unsentBytes === 0) this.#channel.send(": keep-alive\n\n");
    const { topic } = this.#run;
    try {
      const head = await this.#parts.services.threads.head(topic);
      // Another instance may have deleted it, and its runs without a word.
      if (head?.generation !== topic.generation) this.#endWith({ type: "abort" });
    } catch {
      // The store is lost; the next look may tell.
    }
  }

  #giveUp(): void {
    this.#parts.onSlow();
    this.close();
  }

  #awaitExpiry(): void {
    const restMs = this.#parts.principal.expiresAtMs - Date.now();
    if (restMs > 0) {
      this.#expiry = setTimeout(() => this.#awaitExpiry(), Math.min(restMs, MAX_TIMER_MS));
      return;
    }
    this.#expiry = setTimeout(() => this.close(), LAST_WORD_MS);
    this.#endWith(errorPart(new AppError("TOKEN_EXPIRED")));
  }

  #write(chunks: readonly Chunk[]): void {
    if (chunks.length === 0) return;
    this.#channel.send(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(""));
  }

  #endWith(last: Chunk): void {
    if (this.#hasEnded) return;
    this.#write([last]);
    this.#end();
  }

  #end(): void {
    this.#stop();
    this.#channel.send("data: [DONE]\n\n");
    this.#channel.end();
  }

  /** Follows the thread no longer. */
  #stop(): void {
    this.#hasEnded = true;
    this.#unsubscribe();
    this.#subscription.close();
  }
}

function errorPart({ detail }: AppError): Chunk {
  return { type: "error", errorText: detail };
}
