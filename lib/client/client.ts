/**
 * The client: one connection, and all that goes over it.
 *
 * @module
 */
import type { ServerFrame } from "../chat/protocol.ts";
import type { BackoffOptions } from "./backoff.ts";
import { DrawbridgeError } from "./client_error.ts";
import { Connection } from "./connection.ts";
import { type ClientState, StateFeed, type StateListener } from "./events.ts";
import type { ServerFrameOf, Session } from "./frames.ts";
import { Outbox, type UnsentMessage } from "./outbox.ts";
import { Requests } from "./requests.ts";
import type { ClientFetch, ClientSocketConstructor } from "./socket.ts";
import { type SendOptions, type SentMessage, Thread } from "./thread.ts";
import { ThreadFeed } from "./thread_feed.ts";
import { type TokenCallback, TokenRefresher, TokenSource } from "./tokens.ts";
import { deferred } from "./wait.ts";

/** How a {@linkcode DrawbridgeClient} is made. */
export interface ClientOptions {
  /** The server, such as `https://chat.example.com`; in a browser the page's own where left out. */
  readonly address?: string | URL;
  /** A token, or who gives one when it is needed. */
  readonly token: string | TokenCallback;
  /** Makes sockets; the platform's own `WebSocket` where left out. */
  readonly WebSocket?: ClientSocketConstructor;
  /** Asks for the server's start-up; the platform's own where left out, never where null. */
  readonly fetch?: ClientFetch | null;
  /** How waits between tries grow. */
  readonly backoff?: BackoffOptions;
}

/**
 * A client of one server for one subject. `await using` closes it.
 *
 * ```ts ignore
 * const client = new DrawbridgeClient({ address: "https://chat.example.com", token: getToken });
 * const { run } = await client.send("thread-1", "Hello");
 * for await (const text of run.text()) show(text);
 * ```
 */
export class DrawbridgeClient implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #states = new StateFeed();
  readonly #requests: Requests;
  readonly #outbox: Outbox;
  readonly #refresher: TokenRefresher;
  readonly #threads = new Map<string, { readonly feed: ThreadFeed; readonly thread: Thread }>();
  readonly #backoff: BackoffOptions;
  #session: Session | null = null;
  #closed: DrawbridgeError | null = null;
  #greeted = deferred<Session>();

  /**
   * Makes a client that does nothing until it is asked for something.
   *
   * @throws {TypeError} for an address that is none.
   */
  constructor(options: ClientOptions) {
    const { token, WebSocket = globalThis.WebSocket, backoff = {} } = options;
    const fetch = options.fetch === undefined
      ? (url: string, init: { signal: AbortSignal }) => globalThis.fetch(url, init)
      : options.fetch;
    const address = new URL(options.address ?? "", globalThis.location?.href);
    address.protocol = address.protocol.replace(/^ws/, "http");
    const tokens = new TokenSource(token);
    this.#backoff = backoff;
    // Whoever waits for it asks.
    this.#greeted.promise.catch(() => {});
    this.#connection = new Connection({ address, tokens, WebSocket, fetch, backoff }, {
      onState: (state) => this.#states.next(state),
      onReady: (session) => this.#ready(session),
      onFrame: (frame) => this.#take(frame),
      onLost: () => this.#lose(),
      onClosed: (error) => this.#end(error),
    });
    this.#requests = new Requests((frame) => this.#connection.send(frame));
    this.#refresher = new TokenRefresher(tokens, async (token) => {
      const answer = await this.#requests.ask({ type: "auth.refresh", token });
      return (answer as ServerFrameOf<"ack">).expiresAt ?? "";
    });
    this.#outbox = new Outbox({
      ask: (frame, onAnswer) => this.#requests.ask(frame, onAnswer),
      isOpen: (threadId) =>
        this.#connection.isReady && this.#threads.get(threadId)?.feed.isOpen === true,
      onAck: (item, ack) => this.#threads.get(item.threadId)?.feed.takeAck(item, ack),
      limits: () => this.#session?.limits ?? null,
    }, backoff);
  }

  /** Where the connection is. */
  get state(): ClientState {
    return this.#states.state;
  }

  /** What the server last said of the session; null before. */
  get session(): Session | null {
    return this.#session;
  }

  /** Messages that are not acknowledged yet. */
  get unsent(): readonly UnsentMessage[] {
    return this.#outbox.unsent;
  }

  /** Tells `listener` of each state from the next one on, until the returned function is called. */
  subscribe(listener: StateListener): () => void {
    return this.#states.subscribe(listener);
  }

  /**
   * Connects, unless it has begun to. Resolves once the server is ready.
   *
   * @throws {DrawbridgeError} where the client closes first.
   */
  connect(): Promise<Session> {
    this.#connection.start();
    return this.#greeted.promise;
  }

  /** Tries to connect now, where it waits before the next try: such as when a page is online again. */
  hurry(): void {
    this.#connection.hurry();
  }

  /**
   * Follows a thread, from behind entry `afterSeq` where that is given, until it is closed. The same
   * thread is followed once, from where it was first asked for.
   *
   * @throws {DrawbridgeError} where the client is closed.
   */
  thread(id: string, { afterSeq = 0 }: { readonly afterSeq?: number } = {}): Thread {
    const known = this.#threads.get(id);
    if (known !== undefined) return known.thread;
    if (this.#closed !== null) throw this.#closed;
    const feed = new ThreadFeed(id, {
      ask: (frame, onAnswer) => this.#requests.ask(frame, onAnswer),
      onOpen: (threadId) => this.#outbox.pump(threadId),
      onClosed: (threadId, error) => {
        this.#threads.delete(threadId);
        this.#outbox.refuse(threadId, error);
      },
      backoff: this.#backoff,
    }, afterSeq);
    const thread = new Thread(feed, this.#outbox, () => this.#leave(feed));
    this.#threads.set(id, { feed, thread });
    this.#connection.start();
    if (this.#connection.isReady) feed.open();
    return thread;
  }

  /**
   * Sends a message to a thread, and follows that. As {@linkcode Thread.send}.
   *
   * @throws {DrawbridgeError} what the server answers, unless trying again may help.
   */
  async send(threadId: string, text: string, options?: SendOptions): Promise<SentMessage> {
    return await this.thread(threadId).send(text, options);
  }

  /** Closes the connection for good. What was not acknowledged is refused. */
  async close(): Promise<void> {
    await this.#connection.stop();
  }

  /** As {@linkcode DrawbridgeClient.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ready(session: Session): void {
    this.#session = session;
    this.#greeted.resolve(session);
    this.#refresher.start(session.expiresAt);
    for (const { feed } of this.#threads.values()) feed.open();
  }

  #lose(): void {
    this.#refresher.stop();
    for (const { feed } of this.#threads.values()) feed.lose();
    this.#requests.lose();
  }

  #end(error: DrawbridgeError | null): void {
    this.#closed = error ?? closed();
    this.#greeted.reject(this.#closed);
    for (const { feed } of [...this.#threads.values()]) feed.close(this.#closed);
    this.#states.next({ kind: "closed", error });
  }

  #leave(feed: ThreadFeed): void {
    const wasOpen = feed.isOpen;
    feed.close(closed());
    if (!wasOpen || !this.#connection.isReady) return;
    // That the connection is lost meanwhile is as good as an answer.
    this.#requests.ask({ type: "thread.close", threadId: feed.id }).catch(() => {});
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case "entry":
        return this.#threads.get(frame.threadId)?.feed.takeEntry(frame);
      case "chunk":
        return this.#threads.get(frame.threadId)?.feed.takeChunks(frame, [frame.chunk]);
      case "chunks":
        return this.#threads.get(frame.threadId)?.feed.takeChunks(frame, frame.chunks);
      case "ack":
      case "pong":
      case "thread.opened":
      case "error":
        return this.#requests.settle(frame);
    }
  }
}

function closed(): DrawbridgeError {
  return new DrawbridgeError("CLOSED", "The client or the thread was closed");
}
