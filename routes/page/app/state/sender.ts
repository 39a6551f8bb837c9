/**
 * Sends what is written: kept on this device first, then given to the client, and forgotten once the
 * server has it.
 *
 * @module
 */
/// <reference lib="dom" />
import { type ReadonlySignal, signal } from "@preact/signals";
import { type DrawbridgeClient, DrawbridgeError } from "../../../../lib/client/mod.ts";
import { type TextStorage, type UnsentItem, UnsentStore } from "./unsent_store.ts";

/** The client came to an end, which says nothing of the message: the next one sends it. */
const LEFT: readonly string[] = ["CLOSED", "UNAUTHENTICATED", "TOKEN_EXPIRED"];

/** Wait after an acknowledgement, milliseconds. */
const ENTRY_MS = 60;

/** Sends messages, those of an earlier page too. */
export class Sender {
  readonly #client: DrawbridgeClient;
  readonly #store: UnsentStore;
  readonly #items = signal<readonly UnsentItem[]>([]);
  /** Messages that this page's client holds. */
  readonly #held = new Set<string>();
  readonly #onStorage = ({ key }: StorageEvent): void => {
    if (key === this.#store.key) this.#show();
  };

  /** For the messages of `subject`. */
  constructor(client: DrawbridgeClient, storage: TextStorage, subject: string) {
    this.#client = client;
    this.#store = new UnsentStore(storage, subject);
    addEventListener("storage", this.#onStorage);
    this.#show();
  }

  /** What is not stored by the server yet. */
  get items(): ReadonlySignal<readonly UnsentItem[]> {
    return this.#items;
  }

  /** Sends what an earlier page, or another one that is gone, has left. */
  resume(): void {
    for (const item of this.#store.read()) {
      if (item.refusal === undefined) void this.#give(item);
    }
  }

  /** Sends a new message. */
  send(threadId: string, text: string): void {
    const id = `m-${hex(crypto.getRandomValues(new Uint8Array(12)))}`;
    const item: UnsentItem = { threadId, id, text, atMs: Date.now() };
    this.#store.put(item);
    this.#show();
    void this.#give(item);
  }

  /** Sends a refused message anew: nothing of it is stored. */
  again(item: UnsentItem): void {
    this.#store.remove(item);
    this.send(item.threadId, item.text);
  }

  /** Gives a refused message up. */
  discard(item: UnsentItem): void {
    this.#store.remove(item);
    this.#show();
  }

  /** Gives up what waits for a thread that is removed. */
  discardThread(threadId: string): void {
    this.#store.removeThread(threadId);
    this.#show();
  }

  /** Hears nothing any more. */
  close(): void {
    removeEventListener("storage", this.#onStorage);
  }

  async #give(item: UnsentItem): Promise<void> {
    const { threadId, id, text } = item;
    if (this.#held.has(id)) return;
    this.#held.add(id);
    try {
      await this.#client.send(threadId, text, { id });
      this.#store.remove(item);
    } catch (error) {
      if (!(error instanceof DrawbridgeError)) reportError(error);
      else if (!LEFT.includes(error.code)) this.#refuse(item, error);
    } finally {
      this.#held.delete(id);
      // Its entry follows the acknowledgement: until that is shown, the message is not to vanish.
      setTimeout(() => this.#show(), ENTRY_MS);
    }
  }

  #refuse(item: UnsentItem, error: DrawbridgeError): void {
    const isKept = this.#store.read().some(({ id }) => id === item.id);
    if (isKept) this.#store.put({ ...item, refusal: REFUSALS[error.code] ?? error.message });
  }

  #show(): void {
    this.#items.value = this.#store.read();
  }
}

/** Codes that say more to a program than to a person. */
const REFUSALS: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE: "It is too long. Shorten it, or send it in parts.",
};

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
