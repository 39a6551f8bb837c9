/**
 * The AI SDK's chat over the client's socket: an unmodified `useChat` sends, streams, stops,
 * regenerates and resumes through it. It has the shape of the SDK's `ChatTransport` (npm `ai`,
 * version 7) without importing it, so that nobody needs the package who does not use it.
 *
 * @module
 */
import type { OnBusy } from "../chat/protocol.ts";
import { AnswerParts } from "./answer_parts.ts";
import type { DrawbridgeClient } from "./client.ts";
import { DrawbridgeError } from "./client_error.ts";
import type { Chunk } from "./frames.ts";
import type { Run } from "./run.ts";
import type { Thread } from "./thread.ts";
import { orAborted } from "./wait.ts";

/** What is read of one of the SDK's messages. */
export interface TransportMessage {
  /** Its id, under which the message is stored once. */
  readonly id: string;
  /** Only `user` is sent. */
  readonly role: string;
  /** Only `text` is sent. */
  readonly parts: readonly { readonly type: string }[];
}

/** What the SDK asks for with a message. */
export interface SendMessagesOptions {
  /** A new message, or another answer to the last one. */
  readonly trigger: "submit-message" | "regenerate-message";
  /** The thread's id. */
  readonly chatId: string;
  /** The conversation; only its last message is sent: the log is what the model sees. */
  readonly messages: readonly TransportMessage[];
  /** Cancels the run. */
  readonly abortSignal: AbortSignal | undefined;
}

/** How every message of a transport is sent. */
export interface TransportOptions {
  /** Who answers; the server's default where left out. */
  readonly agent?: string;
  /** What to do where a run is active; `queue` where left out. */
  readonly onBusy?: OnBusy;
}

/**
 * A `ChatTransport` of the AI SDK. A lost connection does not end its streams: they go on behind the
 * next one, without a gap or a doubled word. The client stays its maker's to close.
 *
 * ```ts ignore
 * const client = new DrawbridgeClient({ token: getToken });
 * const { messages, sendMessage } = useChat({ transport: new DrawbridgeChatTransport(client) });
 * ```
 */
export class DrawbridgeChatTransport {
  /** A resumed stream begins at the run's first part. */
  readonly resumeStreamIsReplay = true;
  readonly #client: DrawbridgeClient;
  readonly #options: TransportOptions;
  /** How often each chat was resumed. */
  readonly #resumed = new Map<string, number>();

  /** Sends over `client`. */
  constructor(client: DrawbridgeClient, options: TransportOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Sends the last message, or asks for another answer to it. Resolves when that is stored for good.
   *
   * @throws {DrawbridgeError} what the server answers.
   * @throws {TypeError} for what the server does not take: files, tool results, and other answers than the last.
   */
  async sendMessages<Part = Chunk>(options: SendMessagesOptions): Promise<ReadableStream<Part>> {
    const { trigger, chatId, messages, abortSignal } = options;
    const thread = this.#client.thread(chatId);
    const last = messages.at(-1);
    if (last?.role !== "user") throw new TypeError("The last message must be the user's");
    const started = trigger === "regenerate-message"
      ? this.#regenerate(thread, last.id, abortSignal)
      : this.#send(thread, last, abortSignal);
    // Stopped before it was known which run that is.
    started.then((run) => {
      if (abortSignal?.aborted) cancel(thread, run);
    }, () => {});
    const run = await orAborted(started, abortSignal);
    return streamOf(run, abortSignal, () => cancel(thread, run));
  }

  /**
   * The stream of the chat's active run, from its first part; null where there is none.
   *
   * @throws {DrawbridgeError} where the client is closed.
   */
  async reconnectToStream<Part = Chunk>(
    { chatId, abortSignal }: Pick<SendMessagesOptions, "chatId"> & { abortSignal?: AbortSignal },
  ): Promise<ReadableStream<Part> | null> {
    const count = (this.#resumed.get(chatId) ?? 0) + 1;
    this.#resumed.set(chatId, count);
    const thread = this.#client.thread(chatId);
    const { activeRun: run } = await thread.opened(abortSignal);
    if (run === null) return null;
    return streamOf(run, abortSignal, () => {
      // The SDK also ends a resumed stream this way when the chat is resumed once more, right before
      // it asks for the next: that is no stop.
      queueMicrotask(() => {
        if (this.#resumed.get(chatId) === count) cancel(thread, run);
      });
    });
  }

  async #send(
    thread: Thread,
    { id, parts }: TransportMessage,
    signal: AbortSignal | undefined,
  ): Promise<Run> {
    const texts = parts.map((part) => {
      if (part.type === "text" && "text" in part) return String(part.text);
      throw new TypeError(`Cannot send a message part of type ${part.type}`);
    });
    const { run } = await thread.send(texts.join(""), { ...this.#options, id, signal });
    return run;
  }

  async #regenerate(
    thread: Thread,
    messageId: string,
    signal: AbortSignal | undefined,
  ): Promise<Run> {
    await thread.opened(signal);
    const lastUser = thread.entries.findLast(({ entry }) =>
      entry.kind === "message" && entry.role === "user"
    )?.entry;
    if (lastUser?.kind === "message" && lastUser.id !== messageId) {
      throw new TypeError("Only the last message can be answered again");
    }
    const { onBusy } = this.#options;
    const known = new Set(runsIn(thread));
    while (true) {
      try {
        return await thread.regenerate({ ...(onBusy === undefined ? {} : { onBusy }), signal });
      } catch (error) {
        if (!(error instanceof DrawbridgeError) || error.code !== "CONNECTION_LOST") throw error;
        const { activeRun } = await thread.opened(signal);
        if (activeRun !== null && !known.has(activeRun.id)) return activeRun;
      }
    }
  }
}

function runsIn({ entries, activeRun }: Thread): string[] {
  const started = entries.flatMap(({ entry }) => entry.kind === "run.started" ? [entry.runId] : []);
  return activeRun === null ? started : [...started, activeRun.id];
}

function cancel(thread: Thread, { id }: Run): void {
  // A run that has ended needs no end, and a client that is closed cannot ask for one.
  thread.cancel(id).catch(() => {});
}

/** A run's parts, as the SDK reads them. Leaving the stream is no stop, aborting is. */
function streamOf<Part>(
  run: Run,
  signal: AbortSignal | undefined,
  onAbort: () => void,
): ReadableStream<Part> {
  const events = run[Symbol.asyncIterator]();
  const parts = new AnswerParts();
  let isOver = false;
  let abort = (): void => {};
  const end = (): void => {
    isOver = true;
    signal?.removeEventListener("abort", abort);
  };
  return new ReadableStream<Part>({
    start(controller) {
      abort = () => {
        end();
        onAbort();
        controller.close();
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort);
    },
    async pull(controller) {
      try {
        for (let isTold = false; !isTold;) {
          const { done, value } = await events.next();
          if (isOver) return;
          if (done) {
            end();
            return controller.close();
          }
          for (const part of parts.take(value)) {
            controller.enqueue(part as Part);
            isTold = true;
          }
        }
      } catch (error) {
        if (isOver) return;
        end();
        throw error;
      }
    },
    cancel: end,
  }, { highWaterMark: 0 });
}
