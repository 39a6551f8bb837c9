/**
 * All that a signed-in page works with.
 *
 * @module
 */
/// <reference lib="dom" />
import { type ReadonlySignal, signal } from "@preact/signals";
import type { AssistantEntry, Entry } from "../../../../lib/chat/protocol.ts";
import { DrawbridgeClient } from "../../../../lib/client/mod.ts";
import { Api } from "./api.ts";
import { ConnectionWatch } from "./connection.ts";
import { Conversation } from "./conversation.ts";
import { Drafts } from "./drafts.ts";
import { page, pagesOf } from "./page_port.ts";
import { pageStorage } from "./page_storage.ts";
import { Sender } from "./sender.ts";
import { ThreadList } from "./thread_list.ts";
import type { TokenKeeper } from "./tokens.ts";

/** What is there once the server has said who is signed in. */
export interface Home {
  readonly subject: string;
  readonly threads: ThreadList;
  readonly sender: Sender;
  readonly drafts: Drafts;
  readonly messageBytes: number;
}

/** Most conversations that are followed at once; further ones are opened anew when they are shown. */
const MAX_OPEN = 6;

/** Age up to which an answer is new, milliseconds. */
const RECENT_MS = 10_000;

/** One signed-in page, from its first connect to its sign-out. */
export class Chat {
  readonly connection: ConnectionWatch;
  readonly #client: DrawbridgeClient;
  readonly #api: Api;
  readonly #home = signal<Home | null>(null);
  readonly #conversation = signal<Conversation | null>(null);
  /** In the order of their last use. */
  readonly #open = new Map<string, Conversation>();
  readonly #onHash = (): void => this.#showAddress();
  readonly #onFocus = (): void => void this.#home.value?.threads.refresh();

  /** Connects at once. */
  constructor(tokens: TokenKeeper) {
    this.#api = new Api(tokens, (url, init) => fetch(url, init));
    this.#client = new DrawbridgeClient({ token: tokens.give });
    this.connection = new ConnectionWatch(this.#client, this.#api, page);
    this.#client.subscribe(({ kind }) => {
      if (kind === "ready" || kind === "degraded") this.#ready();
    });
    // The state says how it ended.
    this.#client.connect().catch(() => {});
  }

  /** Null until the server has said who is signed in. */
  get home(): ReadonlySignal<Home | null> {
    return this.#home;
  }

  /** The conversation that is shown. */
  get conversation(): ReadonlySignal<Conversation | null> {
    return this.#conversation;
  }

  /** Shows a thread; a new one without an id. */
  open(id?: string): void {
    if (id !== undefined && this.#conversation.value?.id === id) return;
    const shown = id ?? newThreadId();
    history.pushState(null, "", `#${shown}`);
    this.#show(shown, { isNew: id === undefined });
  }

  /** Connects now instead of later. */
  hurry(): void {
    this.#client.hurry();
  }

  /**
   * Removes a thread, and shows another where it was shown. Nothing of it is given up where that fails.
   *
   * @throws what {@linkcode Api.remove} does.
   */
  async remove(id: string): Promise<void> {
    const home = this.#home.value;
    if (home === null) return;
    await home.threads.remove(id);
    this.forget(id);
  }

  /** A thread is gone: nothing of it is kept. */
  forget(id: string): void {
    const home = this.#home.value;
    this.#open.get(id)?.close();
    this.#open.delete(id);
    home?.sender.discardThread(id);
    home?.drafts.write(id, "");
    if (this.#conversation.value?.id !== id) return;
    this.#show(newThreadId(), { isNew: true });
  }

  /** Ends it all. What was not sent is kept on this device. */
  async close(): Promise<void> {
    removeEventListener("hashchange", this.#onHash);
    removeEventListener("focus", this.#onFocus);
    this.connection.close();
    this.#home.value?.threads.close();
    this.#home.value?.sender.close();
    for (const conversation of this.#open.values()) conversation.close();
    await this.#client.close();
  }

  #ready(): void {
    const { session } = this.#client;
    if (session === null) return;
    if (this.#home.value !== null) {
      this.#home.value.sender.resume();
      void this.#home.value.threads.refresh();
      for (const conversation of this.#open.values()) void conversation.refresh();
      return;
    }
    const { subject, limits } = session;
    const storage = pageStorage();
    const threads = new ThreadList(this.#api, pagesOf(subject), (id) => this.#gone(id));
    const sender = new Sender(this.#client, storage, subject);
    const drafts = new Drafts(storage, subject);
    this.#home.value = { subject, threads, sender, drafts, messageBytes: limits.messageBytes };
    addEventListener("hashchange", this.#onHash);
    addEventListener("focus", this.#onFocus);
    this.#onHash();
    sender.resume();
    void threads.refresh();
  }

  /** Deleted elsewhere. What waits to be sent to it would make it anew, and stays. */
  #gone(id: string): void {
    const isAwaited = this.#home.value?.sender.items.value.some(({ threadId }) => threadId === id);
    if (!isAwaited) this.forget(id);
  }

  #showAddress(): void {
    const id = threadInAddress();
    this.#show(id ?? newThreadId(), { isNew: id === null });
  }

  #show(id: string, { isNew }: { readonly isNew: boolean }): void {
    // A new thread has its address at once, so that its draft is found after a reload.
    if (threadInAddress() !== id) history.replaceState(null, "", `#${id}`);
    const known = this.#open.get(id);
    const conversation = known ?? new Conversation(this.#client, id, {
      isNew,
      onEntry: (entry) => {
        this.#home.value?.threads.changed();
        // How an answer ended says something of the model.
        if (isAnswer(entry) && isRecent(entry)) void this.connection.look();
      },
    });
    this.#open.delete(id);
    this.#open.set(id, conversation);
    this.#conversation.value = conversation;
    const unsent = new Set(this.#home.value?.sender.items.peek().map(({ threadId }) => threadId));
    for (const [other, { running }] of [...this.#open].slice(0, -MAX_OPEN)) {
      // Closing a thread would refuse what waits for it.
      if (unsent.has(other) || running.peek() !== null) continue;
      this.#open.get(other)?.close();
      this.#open.delete(other);
    }
  }
}

function isAnswer(entry: Entry): entry is AssistantEntry {
  return entry.kind === "message" && entry.role === "assistant";
}

/** Of the history nothing is learnt. */
function isRecent({ createdAt }: AssistantEntry): boolean {
  return Date.now() - Date.parse(createdAt) < RECENT_MS;
}

/** The thread that the address names. */
function threadInAddress(): string | null {
  const id = location.hash.slice(1);
  return /^[\w-]{1,64}$/.test(id) ? id : null;
}

function newThreadId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `t-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
