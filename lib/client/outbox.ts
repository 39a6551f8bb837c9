/**
 * Messages that are not acknowledged yet. They are sent until they are, each thread's one after
 * another, so that their order is the order of the calls whatever is lost on the way.
 *
 * @module
 */
import type { OnBusy } from "../chat/protocol.ts";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import { DrawbridgeError, toDrawbridgeError } from "./client_error.ts";
import type { Answer, Outgoing, ServerFrameOf, Session } from "./frames.ts";
import { deferred } from "./wait.ts";

/** A message that is not acknowledged yet. */
export interface UnsentMessage {
  /** Where it goes. */
  readonly threadId: string;
  /** Under its id it is stored once, however often it is sent. */
  readonly message: { readonly id: string; readonly text: string };
  /** Who is to answer. */
  readonly agent?: string;
  /** What to do where a run is active. */
  readonly onBusy?: OnBusy;
}

/** The server's acknowledgement: the message is stored for good. */
export interface Acknowledgement {
  /** The message's number in the log. */
  readonly seq: number;
  /** The run that answers it. */
  readonly runId: string;
  /** It had been stored before. */
  readonly duplicate: boolean;
}

/** What the outbox sends through. */
export interface OutboxLink {
  readonly ask: (frame: Outgoing, onAnswer?: (answer: Answer) => void) => Promise<Answer>;
  /** Whether messages may be sent to the thread now. */
  readonly isOpen: (threadId: string) => boolean;
  /** Told of an acknowledgement before the next frame is read. */
  readonly onAck: (item: UnsentMessage, ack: Acknowledgement) => void;
  readonly limits: () => Session["limits"] | null;
}

interface Item extends UnsentMessage {
  readonly resolve: (ack: Acknowledgement) => void;
  readonly reject: (error: unknown) => void;
  /** It may be stored already. */
  wasAsked: boolean;
  failures: number;
}

interface Queue {
  readonly items: Item[];
  isAsking: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const encoder = new TextEncoder();

/** Holds messages until they are acknowledged or refused. */
export class Outbox {
  readonly #link: OutboxLink;
  readonly #backoff: BackoffOptions;
  readonly #queues = new Map<string, Queue>();

  /** Sends through `link`. */
  constructor(link: OutboxLink, backoff: BackoffOptions) {
    this.#link = link;
    this.#backoff = backoff;
  }

  /** All that is not acknowledged yet, each thread's in order. */
  get unsent(): readonly UnsentMessage[] {
    return [...this.#queues.values()].flatMap(({ items }) =>
      items.map(({ threadId, message, agent, onBusy }) => ({
        threadId,
        message,
        ...(agent === undefined ? {} : { agent }),
        ...(onBusy === undefined ? {} : { onBusy }),
      }))
    );
  }

  /**
   * Takes a message. `signal` withdraws it as long as it was not sent.
   *
   * @throws {DrawbridgeError} what the server answers, unless trying again may help.
   * @throws {unknown} the signal's reason.
   */
  add(message: UnsentMessage, signal?: AbortSignal): Promise<Acknowledgement> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = deferred<Acknowledgement>();
    const item: Item = { ...message, resolve, reject, wasAsked: false, failures: 0 };
    const queue = this.#queues.get(message.threadId) ??
      { items: [], isAsking: false, timer: undefined };
    this.#queues.set(message.threadId, queue);
    queue.items.push(item);
    const withdraw = (): void => {
      if (item.wasAsked) return;
      this.#remove(item);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", withdraw, { once: true });
    this.pump(message.threadId);
    const forget = (): void => signal?.removeEventListener("abort", withdraw);
    promise.then(forget, forget);
    return promise;
  }

  /** Sends the first message of a thread, if that is possible now. */
  pump(threadId: string): void {
    const queue = this.#queues.get(threadId);
    const item = queue?.items[0];
    if (queue === undefined || item === undefined) return;
    if (queue.isAsking || queue.timer !== undefined || !this.#link.isOpen(threadId)) return;
    void this.#ask(queue, item);
  }

  /** Refuses what waits in a thread. */
  refuse(threadId: string, error: DrawbridgeError): void {
    const queue = this.#queues.get(threadId);
    this.#queues.delete(threadId);
    clearTimeout(queue?.timer);
    for (const { reject } of queue?.items ?? []) reject(error);
  }

  async #ask(queue: Queue, item: Item): Promise<void> {
    queue.isAsking = true;
    const { threadId, message, agent, onBusy } = item;
    const frame: Outgoing = {
      type: "message.send",
      threadId,
      message,
      ...(agent === undefined ? {} : { agent }),
      ...(onBusy === undefined ? {} : { onBusy }),
    };
    try {
      this.#assertFits(frame, message.text);
      item.wasAsked = true;
      let ack: Acknowledgement | undefined;
      await this.#link.ask(frame, (answer) => {
        const { seq = 0, runId = "", duplicate = false } = answer as ServerFrameOf<"ack">;
        ack = { seq, runId, duplicate };
        this.#link.onAck(item, ack);
      });
      this.#remove(item);
      item.resolve(ack!);
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      // The next connection sends it again.
      if (error.code === "CONNECTION_LOST") return;
      if (mayHelpLater(error)) return this.#waitFor(queue, item, error);
      this.#remove(item);
      item.reject(error);
    } finally {
      queue.isAsking = false;
      this.pump(threadId);
    }
  }

  #waitFor(queue: Queue, item: Item, { retryAfterMs = 0 }: DrawbridgeError): void {
    queue.timer = setTimeout(() => {
      queue.timer = undefined;
      this.pump(item.threadId);
    }, retryAfterMs + backoffMs(++item.failures, this.#backoff));
  }

  #remove(item: Item): void {
    const items = this.#queues.get(item.threadId)?.items ?? [];
    const at = items.indexOf(item);
    if (at !== -1) items.splice(at, 1);
    if (items.length === 0) this.#queues.delete(item.threadId);
  }

  /** Too large a frame would close the socket, and the next one, for good. */
  #assertFits(frame: Outgoing, text: string): void {
    const limits = this.#link.limits();
    if (limits === null) return;
    // Room for the frame's own id.
    const frameBytes = encoder.encode(JSON.stringify(frame)).length + 100;
    if (encoder.encode(text).length <= limits.messageBytes && frameBytes <= limits.frameBytes) {
      return;
    }
    throw new DrawbridgeError("MESSAGE_TOO_LARGE", "The message is too large");
  }
}

/** A busy thread is the caller's to decide on: it said `reject`. */
function mayHelpLater({ code, retryable }: DrawbridgeError): boolean {
  return retryable && code !== "RUN_ACTIVE";
}
