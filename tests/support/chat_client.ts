/**
 * A chat client for tests: it queues what comes, and waits for what should.
 * Needs `net`.
 *
 * @module
 */
import {
  type ClientFrame,
  type ServerFrame,
  type ServerFrameType,
  SUBPROTOCOL,
} from "../../lib/chat/protocol.ts";
import { Feed, orHang } from "./feed.ts";
import { asPublished } from "./published.ts";

/** A frame of one type, as the server sends it. */
export type Received<Type extends ServerFrameType> = Extract<ServerFrame, { type: Type }>;

/** What answers a frame by its `ref`. */
export type Answer = Received<"ack" | "error" | "pong" | "thread.opened">;

/** One chunk with its place, whichever kind of frame it came in. */
export interface PlacedChunk {
  readonly runId: string;
  readonly attempt: number;
  readonly index: number;
  readonly chunk: { readonly type: string; readonly [name: string]: unknown };
}

/** How a socket ended. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client frame without the `id` that the client gives it. */
export type Outgoing = ClientFrame extends infer Frame ? Frame extends unknown ? Omit<Frame, "id">
  : never
  : never;

/** One socket. `await using` closes it. */
export class ChatClient implements AsyncDisposable {
  /** Every frame so far, each as it is published. */
  readonly frames = new Feed<ServerFrame>();
  readonly #socket: WebSocket;
  readonly #closing = Promise.withResolvers<Closing>();
  #isClosed = false;
  #cursor = 0;
  #lastId = 0;

  /** Connects as a browser does, with `token` among the subprotocols, and waits for nothing. */
  constructor(address: string, token: string) {
    const url = new URL("/ws", address.replace(/^http/, "ws"));
    this.#socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`]);
    this.#socket.onmessage = ({ data }) =>
      this.frames.push(asPublished("server", JSON.parse(data)));
    // `onclose` follows.
    this.#socket.onerror = (event) => event.preventDefault();
    this.#socket.onclose = ({ code, reason }) => {
      this.#isClosed = true;
      this.frames.end();
      this.#closing.resolve({ code, reason });
    };
  }

  /** Connects and waits for `session.ready`. */
  static async connect(address: string, token: string): Promise<ChatClient> {
    const client = new ChatClient(address, token);
    try {
      await client.next("session.ready");
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The subprotocol that the server selected. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Sends a frame under an id of its own, and returns that. */
  send(frame: Outgoing): string {
    const id = `f${++this.#lastId}`;
    this.sendText(JSON.stringify(asPublished("client", { ...frame, id })));
    return id;
  }

  /** Sends a text as it is, also one that is published nowhere. */
  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Sends a frame and waits for its answer, without passing over other frames. */
  async request(frame: Outgoing): Promise<Answer> {
    const from = this.frames.items.length;
    const id = this.send(frame);
    const what = `the answer to ${frame.type} ${id}`;
    const at = await this.frames.find((one) => "ref" in one && one.ref === id, { from, what });
    return this.frames.items[at] as Answer;
  }

  /** Sends a message and waits for its `ack`. */
  async say(
    threadId: string,
    message: { readonly id: string; readonly text: string },
  ): Promise<Required<Omit<Received<"ack">, "expiresAt">>> {
    const answer = await this.request({ type: "message.send", threadId, message });
    if (answer.type !== "ack") throw new Error(`Not acknowledged: ${JSON.stringify(answer)}`);
    return answer as Required<Received<"ack">>;
  }

  /** Waits for the next frame of a type, among those not passed over yet, that `matches`. */
  async next<Type extends ServerFrameType>(
    type: Type,
    matches: (frame: Received<Type>) => boolean = () => true,
  ): Promise<Received<Type>> {
    const frames = await this.collect(
      (frame) => frame.type === type && matches(frame as Received<Type>),
      type,
    );
    return frames.at(-1) as Received<Type>;
  }

  /** Waits for a frame that `matches`, and returns all from the last one passed over to it. */
  async collect(
    matches: (frame: ServerFrame) => boolean,
    what = "a frame",
  ): Promise<readonly ServerFrame[]> {
    const from = this.#cursor;
    const at = await this.frames.find(matches, { from, what });
    this.#cursor = at + 1;
    return this.frames.items.slice(from, at + 1);
  }

  /** Waits for the `count`th of all assistant entries of a thread, and returns it. */
  async answer(threadId: string, count = 1): Promise<Received<"entry">> {
    let seen = 0;
    const at = await this.frames.find((frame) => isAnswer(frame, threadId) && ++seen === count, {
      what: `answer ${count} in ${threadId}`,
    });
    return this.frames.items[at] as Received<"entry">;
  }

  /** Waits for the end of the socket. */
  async closed(): Promise<Closing> {
    return await orHang(this.#closing.promise, "the close");
  }

  /** Closes it where it is open, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#socket.close();
    await this.closed();
  }
}

/** All chunks among frames, each with its place. */
export function chunksOf(frames: readonly ServerFrame[]): readonly PlacedChunk[] {
  return frames.flatMap((frame): PlacedChunk[] => {
    if (frame.type !== "chunk" && frame.type !== "chunks") return [];
    const { runId, attempt, index: first } = frame;
    const chunks = frame.type === "chunk" ? [frame.chunk] : frame.chunks;
    return chunks.map((chunk, at) => ({ runId, attempt, index: first + at, chunk }));
  });
}

/** The text of an entry's parts. */
export function textOf({ entry }: Pick<Received<"entry">, "entry">): string {
  if (entry.kind !== "message") return "";
  return entry.parts.map((part) => part.type === "text" ? String(part["text"]) : "").join("");
}

function isAnswer(frame: ServerFrame, threadId: string): boolean {
  return frame.type === "entry" && frame.threadId === threadId &&
    frame.entry.kind === "message" && frame.entry.role === "assistant";
}
