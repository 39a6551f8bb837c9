/**
 * What each frame of a client does, once it is read and valid.
 *
 * @module
 */
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../errors.ts";
import { MAX_OPEN_THREADS } from "../limits.ts";
import { NO_TRACER, type Tracer } from "../observe/tracing.ts";
import type { Services } from "../services.ts";
import type { Topic } from "./fan_out.ts";
import type { ClientFrame, ClientFrameOf, ServerFrame } from "./protocol.ts";
import { Subscription } from "./subscription.ts";
import type { Outlet, SubscriptionStart } from "./subscription_parts.ts";

/** What handlers work with. */
export interface FrameHandlersParts {
  readonly services: Services;
  readonly subject: string;
  readonly outlet: Outlet;
  readonly send: (frame: ServerFrame) => void;
  /** Takes a principal of the same subject in place of the present one. */
  readonly refresh: (principal: Principal) => void;
  /** Traces each frame. */
  readonly tracer?: Tracer | undefined;
}

/** What a handler does: a ping is answered before. */
export type HandledFrame = Exclude<ClientFrame, { type: "ping" }>;

/** Handles one session's frames, and holds its open threads. */
export class FrameHandlers {
  readonly #parts: FrameHandlersParts;
  readonly #open = new Map<string, Subscription>();
  #closed = false;

  /** Makes handlers without an open thread. */
  constructor(parts: FrameHandlersParts) {
    this.#parts = parts;
  }

  /**
   * Does what a frame asks for and answers it.
   *
   * @throws {AppError} what the client is to be told.
   */
  handle(frame: HandledFrame): Promise<void> {
    const { tracer = NO_TRACER } = this.#parts;
    return tracer.span(frame.type, {}, () => this.#handle(frame));
  }

  async #handle(frame: HandledFrame): Promise<void> {
    switch (frame.type) {
      case "message.send":
        return await this.#sendMessage(frame);
      case "message.regenerate":
        return await this.#regenerate(frame);
      case "thread.open":
        return await this.#openThread(frame);
      case "thread.close":
        this.#closeThread(frame.threadId);
        return this.#parts.send({ type: "ack", ref: frame.id });
      case "run.cancel":
        await this.#parts.services.supervisor.cancel(this.#ref(frame.threadId), frame.runId);
        return this.#parts.send({ type: "ack", ref: frame.id });
      case "auth.refresh":
        return await this.#refresh(frame);
      default:
        frame satisfies never;
    }
  }

  /** Closes every thread, and opens none any more. */
  close(): void {
    this.#closed = true;
    for (const subscription of this.#open.values()) subscription.close();
    this.#open.clear();
  }

  async #sendMessage(frame: ClientFrameOf<"message.send">): Promise<void> {
    const { id: ref, threadId, message, agent, onBusy } = frame;
    const { reader, supervisor } = this.#parts.services;
    if (!this.#isOpen(threadId)) this.#assertRoom();
    const sent = await supervisor.send(this.#ref(threadId), { message, agent, onBusy });
    const { thread, seq, runId, duplicate } = sent;
    const afterSeq = seq - 1;
    // The run of an earlier message may have ended long ago.
    const { topic, start } = duplicate
      ? await reader.open(this.#ref(threadId), { afterSeq })
      : { topic: thread, start: { afterSeq, headSeq: seq } };
    this.#parts.send({ type: "ack", ref, threadId, seq, runId, duplicate });
    const open = this.#open.get(threadId);
    // A thread that was deleted and made anew has other entries under the same id.
    if (open?.topic.generation === topic.generation && !open.isClosed) return;
    // Chunks of a run that started before this entry are for who opens the thread.
    this.#follow(topic, { ...start, run: null });
    // Whose owner may be dead, as with any thread that is opened.
    if (duplicate) supervisor.watch(topic);
  }

  async #regenerate(frame: ClientFrameOf<"message.regenerate">): Promise<void> {
    const { id: ref, threadId, onBusy } = frame;
    const { supervisor } = this.#parts.services;
    const { runId } = await supervisor.regenerate(this.#ref(threadId), onBusy);
    this.#parts.send({ type: "ack", ref, threadId, runId });
  }

  async #openThread(frame: ClientFrameOf<"thread.open">): Promise<void> {
    const { id: ref, threadId, afterSeq, run } = frame;
    const { reader, supervisor } = this.#parts.services;
    if (!this.#isOpen(threadId)) this.#assertRoom();
    const { topic, head, start, recovered } = await reader.open(this.#ref(threadId), {
      afterSeq,
      run,
    });
    this.#closeThread(threadId);
    const { headSeq, active: activeRun } = head;
    this.#parts.send({ type: "thread.opened", ref, threadId, headSeq, activeRun, recovered });
    this.#follow(topic, start);
    if (activeRun !== null) supervisor.watch(topic);
  }

  async #refresh({ id: ref, token }: ClientFrameOf<"auth.refresh">): Promise<void> {
    const principal = await this.#parts.services.verifier.verify(token).catch((error) => {
      const expired = error instanceof AppError && error.code === "TOKEN_EXPIRED";
      throw expired ? new AppError("UNAUTHENTICATED", { cause: error }) : error;
    });
    if (principal.subject !== this.#parts.subject) throw new AppError("UNAUTHENTICATED");
    this.#parts.refresh(principal);
    const expiresAt = new Date(principal.expiresAtMs).toISOString();
    this.#parts.send({ type: "ack", ref, expiresAt });
  }

  #follow(topic: Topic, start: SubscriptionStart): void {
    const { services: { reader, fanOut }, outlet } = this.#parts;
    // The socket may have closed while the store was asked.
    if (this.#closed) return;
    this.#closeThread(topic.threadId);
    const subscription = new Subscription({ topic, reader, fanOut, outlet }, start);
    this.#open.set(topic.threadId, subscription);
    subscription.begin();
  }

  #isOpen(threadId: string): boolean {
    return this.#open.has(threadId);
  }

  #closeThread(threadId: string): void {
    this.#open.get(threadId)?.close();
    this.#open.delete(threadId);
  }

  #assertRoom(): void {
    if (this.#open.size < MAX_OPEN_THREADS) return;
    // Those of threads that were deleted have ended by themselves.
    for (const [threadId, { isClosed }] of this.#open) if (isClosed) this.#open.delete(threadId);
    if (this.#open.size < MAX_OPEN_THREADS) return;
    const detail = `At most ${MAX_OPEN_THREADS} threads are open on one socket`;
    throw new AppError("INVALID_REQUEST", { detail });
  }

  #ref(threadId: string): { subject: string; threadId: string } {
    return { subject: this.#parts.subject, threadId };
  }
}
