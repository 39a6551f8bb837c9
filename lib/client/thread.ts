/**
 * A thread, as an application uses it.
 *
 * @module
 */
import type { OnBusy } from "../chat/protocol.ts";
import type { Acknowledgement, Outbox } from "./outbox.ts";
import type { Run } from "./run.ts";
import type { ThreadFeed } from "./thread_feed.ts";
import type { NumberedEntry, OpenedThread } from "./thread_parts.ts";

/** How a message is sent. */
export interface SendOptions {
  /** The message's id, 1 to 64 of `A-Z a-z 0-9 _ -`; a random one where left out. */
  readonly id?: string;
  /** Who answers; the server's default where left out. */
  readonly agent?: string;
  /** What to do where a run is active; `queue` where left out. */
  readonly onBusy?: OnBusy;
  /** Withdraws the message as long as it was not sent. */
  readonly signal?: AbortSignal | undefined;
}

/** A message that is stored for good. */
export interface SentMessage extends Acknowledgement {
  /** Its id. */
  readonly id: string;
  /** The run that answers it. */
  readonly run: Run;
}

/** A followed thread. Iterating over it yields its entries, from the first seen, and then live. */
export class Thread implements AsyncIterable<NumberedEntry> {
  readonly #feed: ThreadFeed;
  readonly #outbox: Outbox;
  readonly #close: () => void;

  /** Made by the client. */
  constructor(feed: ThreadFeed, outbox: Outbox, close: () => void) {
    this.#feed = feed;
    this.#outbox = outbox;
    this.#close = close;
  }

  /** Its id. */
  get id(): string {
    return this.#feed.id;
  }

  /** All entries seen, in order. */
  get entries(): readonly NumberedEntry[] {
    return this.#feed.entries;
  }

  /** The run that streams, as far as is known. */
  get activeRun(): Run | null {
    return this.#feed.activeRun;
  }

  /**
   * Resolves once the server has said what there is, over however many connections.
   *
   * @throws {DrawbridgeError} where the thread or the client is closed.
   * @throws {unknown} the signal's reason.
   */
  opened(signal?: AbortSignal): Promise<OpenedThread> {
    return this.#feed.opened(signal);
  }

  /** A run by its id: one that streams, has ended or is still to begin. */
  run(runId: string): Run {
    return this.#feed.run(runId);
  }

  /**
   * Sends a message. Resolves when it is stored for good; until then it is sent again, with the same
   * id, after each reconnect. Messages of one thread are sent one after another.
   *
   * @throws {DrawbridgeError} what the server answers, unless trying again may help.
   * @throws {unknown} the signal's reason.
   */
  async send(text: string, options: SendOptions = {}): Promise<SentMessage> {
    const { id = newMessageId(), agent, onBusy, signal } = options;
    const acknowledged = await this.#outbox.add({
      threadId: this.id,
      message: { id, text },
      ...(agent === undefined ? {} : { agent }),
      ...(onBusy === undefined ? {} : { onBusy }),
    }, signal);
    return { ...acknowledged, id, run: this.run(acknowledged.runId) };
  }

  /**
   * Starts another run for the last message. Nothing but the present connection knows of it, so it is
   * not asked for twice.
   *
   * @throws {DrawbridgeError} what the server answers, or `CONNECTION_LOST`.
   * @throws {unknown} the signal's reason, where nothing was sent yet.
   */
  regenerate(
    { onBusy, signal }: Pick<SendOptions, "onBusy" | "signal"> = {},
  ): Promise<Run> {
    return this.#feed.regenerate(onBusy, signal);
  }

  /**
   * Asks a run to end; the answer so far is kept. Asks again after each reconnect.
   *
   * @throws {DrawbridgeError} `NOT_FOUND` where there is no such run.
   * @throws {unknown} the signal's reason.
   */
  cancel(runId: string, signal?: AbortSignal): Promise<void> {
    return this.#feed.insist({ type: "run.cancel", threadId: this.id, runId }, signal);
  }

  /** Follows it no more. What was not acknowledged is refused. */
  close(): void {
    this.#close();
  }

  /** The entries, from where the thread was first followed, and then each new one until it is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<NumberedEntry, void> {
    return this.#feed[Symbol.asyncIterator]();
  }
}

/** `crypto.randomUUID` is there for pages from `https:` and localhost alone. */
function newMessageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
