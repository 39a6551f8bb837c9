/**
 * The agent supervisor: takes messages into the log, runs their agents, and
 * sees to it that every run ends, here or elsewhere.
 *
 * @module
 */
import { isLonger } from "../chat/frame_size.ts";
import type { OnBusy } from "../chat/protocol.ts";
import { AppError } from "../errors.ts";
import type { Ring } from "../threads/bell.ts";
import type { Incarnation } from "../threads/keys.ts";
import type { MessagePart, ThreadRef } from "../threads/records.ts";
import type { Sent } from "../threads/run_log.ts";
import type { Change } from "../threads/run_steps.ts";
import { answerId, type RunClaim, type UnfencedClaim } from "../threads/thread_edit.ts";
import { AnswerFolder } from "./fold.ts";
import { readConversation } from "./history.ts";
import type { Chunk } from "./model.ts";
import { RunPool } from "./run_pool.ts";
import type { SupervisorParts } from "./supervisor_parts.ts";
import { TakeoverWatch } from "./takeover_watch.ts";

/** A message as a client sends it. */
export interface MessageRequest {
  readonly message: { readonly id: string; readonly text: string };
  readonly agent?: string | undefined;
  readonly onBusy?: OnBusy | undefined;
}

/** Runs agents on behalf of one instance, from its making until {@linkcode drain}. */
export class AgentSupervisor {
  readonly #parts: SupervisorParts;
  readonly #pool: RunPool;
  readonly #takeovers: TakeoverWatch;

  /** Supervises through `parts`; nothing happens before the first message or recovery. */
  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    const { chunks, fanOut, bell, limits, events } = parts;
    const onChange = (thread: Incarnation, ring?: Ring) => bell.ring(thread, ring);
    this.#takeovers = new TakeoverWatch({
      tryOnce: (ref, signal) => this.#takeOver(ref, signal),
      onFault: events.onFault,
    });
    this.#pool = new RunPool({
      run: {
        ends: parts.ends,
        chunks,
        fanOut,
        instanceId: parts.instanceId,
        maxAnswerBytes: limits.answerBytes,
        answer: (claim, signal) => this.#answer(claim, signal),
        onFirstChunk: events.onFirstChunk,
        onFailed: ({ runId }, error) => events.onRunFailed?.(runId, error),
        onSaved: ({ thread }) => onChange(thread),
        onFault: events.onFault,
      },
      chunks,
      fanOut,
      bell,
      limits,
      ...(parts.tracer === undefined ? {} : { tracer: parts.tracer }),
      events: {
        ...events,
        onChange,
        onOrphan: (ref) => this.watch(ref),
        onHeard: (thread) => this.#pool.inBackground(this.#refresh(thread)),
      },
    });
  }

  /**
   * Stores a message and starts or queues its run. Resolves when it is stored durably.
   *
   * @throws {AppError} `INVALID_REQUEST` for an unknown agent, `MESSAGE_TOO_LARGE`,
   * `IDEMPOTENCY_CONFLICT`, `RUN_ACTIVE`, `TOO_MANY_RUNS`, `STORE_UNAVAILABLE`: nothing is stored.
   * @throws {UnknownCommitError} where nobody can tell: say nothing to the client.
   */
  async send(ref: ThreadRef, { message, agent, onBusy = "queue" }: MessageRequest): Promise<Sent> {
    const { agents, runs, limits, events } = this.#parts;
    const { name } = agent === undefined ? agents.default : agents.get(agent) ?? unknownAgent();
    if (isLonger(message.text, limits.messageBytes)) throw new AppError("MESSAGE_TOO_LARGE");
    const sent = await this.#pool.withSlot(
      ref,
      (mayStart) => runs.send(ref, { ...message, agent: name, onBusy, mayStart }),
    );
    if (!sent.duplicate) {
      events.onMessageStored();
      if (sent.claim === null) this.#pool.waits(sent.runId);
    }
    return sent;
  }

  /**
   * Starts or queues a new run for the thread's last user message.
   *
   * @throws {AppError} `NOT_FOUND`, `INVALID_REQUEST`, `RUN_ACTIVE`, `TOO_MANY_RUNS`, `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async regenerate(ref: ThreadRef, onBusy: OnBusy = "queue"): Promise<Change & { runId: string }> {
    const change = await this.#pool.withSlot(
      ref,
      (mayStart) => this.#parts.runs.regenerate(ref, { onBusy, mayStart }),
    );
    if (change.claim === null) this.#pool.waits(change.runId);
    return change;
  }

  /**
   * Asks a run to end; one that has ended already stays as it is.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   */
  async cancel(ref: ThreadRef, runId: string): Promise<void> {
    this.#pool.adopt(await this.#parts.runs.cancel(ref, runId));
  }

  /**
   * Deletes a thread; its runs end without a word.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   */
  async deleteThread(ref: ThreadRef): Promise<void> {
    const thread = await this.#parts.removal.delete(ref);
    this.#pool.get(thread)?.abandon();
    this.#parts.fanOut.delete(thread);
    this.#parts.bell.ring(thread);
    this.#pool.inBackground(this.#parts.removal.sweep());
  }

  /** Sees to it that the thread's active run, if any, has a living owner; returns at once. */
  watch(ref: ThreadRef): void {
    this.#takeovers.watch(ref);
  }

  /** Begins to hear what other instances do. */
  listen(): void {
    const { bell, events } = this.#parts;
    bell.start({
      onRing: (thread, ring) => this.#onRing(thread, ring),
      onFault: events.onFault,
    });
  }

  /**
   * Takes over the runs that nobody owns, and keeps looking for more; removes
   * what is left of deleted threads meanwhile. Resolves to the number of such runs.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async recover(): Promise<number> {
    const orphans = await this.#parts.ends.orphans();
    for (const ref of orphans) this.watch(ref);
    this.#pool.inBackground(this.#parts.removal.sweep());
    this.#takeovers.keepLooking(() => this.#parts.ends.orphans());
    return orphans.length;
  }

  /** Gives every run up and waits until that is stored. No run starts after this. */
  async drain(): Promise<void> {
    const unwatched = this.#takeovers.stop();
    await this.#pool.drain();
    await unwatched;
    // A look that was under way may have taken a run over: that one is given up as well.
    await this.#pool.drain();
    await this.#parts.bell.stop();
  }

  #onRing(thread: Incarnation, ring: Ring): void {
    this.#parts.fanOut.poke(thread);
    if (ring === "released") this.#takeovers.wake(thread);
    if (this.#pool.get(thread) !== undefined) this.#pool.inBackground(this.#refresh(thread));
    // Somebody here follows it: should it have a run whose owner dies, this instance takes it over.
    else this.watch(thread);
  }

  /** Reads the thread of a run that streams here, and ends the run if that was asked for. */
  async #refresh(thread: Incarnation): Promise<void> {
    const head = await this.#parts.threads.head(thread);
    const run = this.#pool.get(thread);
    if (head?.generation !== thread.generation) {
      run?.abandon();
      this.#parts.fanOut.delete(thread);
    } else if (head.cancelRequested && head.active?.runId === run?.claim.runId) run?.cancel();
  }

  async #answer(claim: RunClaim, signal: AbortSignal): Promise<AsyncIterable<Chunk>> {
    const { agents, threads, model: currentModel } = this.#parts;
    const model = await currentModel();
    if (model === null) throw new AppError("MODEL_UNAVAILABLE");
    const { thread: { subject, threadId }, runId, replyToSeq } = claim;
    const turns = await readConversation(threads, claim);
    return model.stream({
      // An agent that is gone since the message was stored is replaced by nobody in silence.
      agent: agents.get(claim.agent) ?? unknownAgent(),
      turns,
      context: { subject, threadId, replyToSeq, signal },
      messageId: answerId(runId),
      runId,
    });
  }

  async #takeOver(ref: ThreadRef, signal: AbortSignal): Promise<number | null> {
    const { ends, events, threads, fanOut, instanceId } = this.#parts;
    const takeover = await ends.takeOver(ref, { partsOf: (run) => this.#partsOf(run), signal });
    if (takeover.kind === "idle") return null;
    if (takeover.kind === "taken") {
      events.onTakeover();
      if (takeover.outcome !== null) events.onRunEnded(takeover.outcome);
      this.#pool.adopt(takeover.change);
      return null;
    }
    const head = await threads.head(ref);
    const topic = head && { ...ref, generation: head.generation };
    if (topic === null || this.#pool.get(topic) !== undefined) return null;
    // Nobody here waits for another instance's run.
    if (takeover.owner !== instanceId && !fanOut.hasListeners(topic)) return null;
    return takeover.expiresAtMs;
  }

  async #partsOf(run: UnfencedClaim): Promise<{ parts: MessagePart[]; chunkCount: number }> {
    const folder = new AnswerFolder();
    const chunks = await this.#parts.chunks.read(run, 0);
    for (const chunk of chunks) folder.add(JSON.parse(chunk) as Chunk);
    return { parts: folder.parts(), chunkCount: chunks.length };
  }
}

function unknownAgent(): never {
  throw new AppError("INVALID_REQUEST", { detail: "The agent is not known" });
}
