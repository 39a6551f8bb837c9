/**
 * Live delivery within this instance: what is appended to a thread or streamed
 * by a run goes to every listener of that thread, each frame encoded once.
 *
 * @module
 */
import { type Incarnation, nameOf } from "../threads/keys.ts";
import { LiveRun, type RunAttempt, StreamTurn } from "./live_run.ts";
import { encodeChunks, encodeFrame, type Entry } from "./protocol.ts";

export type { LiveRun, RunAttempt };

/** What is followed: one incarnation of a subject's thread. */
export type Topic = Incarnation;

/** Who follows a topic. Its methods are called in the order of events and must not throw. */
export interface TopicListener {
  /** An entry was appended; `frame` is its encoded frame. */
  onEntry(seq: number, entry: Entry, frame: string): void;
  /** Chunks from `index` on, each JSON; `frame` encodes all of them. */
  onChunks(run: RunAttempt, index: number, chunks: readonly string[], frame: string): void;
  /** The log moved, perhaps by another instance: read it. */
  onPoke(): void;
  /** The thread was deleted; nothing follows. */
  onDeleted(): void;
}

/** The topics that somebody listens to or that stream, on this instance. */
export class FanOut {
  readonly #listeners = new Map<string, Set<TopicListener>>();
  readonly #live = new Map<string, LiveRun>();
  readonly #turn = new StreamTurn();

  /** Makes `listener` follow a topic from now on; the returned function ends that. */
  subscribe(topic: Topic, listener: TopicListener): () => void {
    const name = nameOf(topic);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) {
        this.#listeners.delete(name);
      }
    };
  }

  /** Whether anybody follows the topic. */
  hasListeners(topic: Topic): boolean {
    return this.#listeners.has(nameOf(topic));
  }

  /** Delivers appended entries, in order. */
  publish(topic: Topic, entries: readonly { readonly seq: number; readonly entry: Entry }[]): void {
    const listeners = this.#listeners.get(nameOf(topic));
    if (listeners === undefined) return;
    for (const { seq, entry } of entries) {
      const frame = encodeFrame({ type: "entry", threadId: topic.threadId, seq, entry });
      for (const listener of [...listeners]) listener.onEntry(seq, entry, frame);
    }
  }

  /** Tells the topic's listeners to read the log. */
  poke(topic: Topic): void {
    for (const listener of [...this.#listeners.get(nameOf(topic)) ?? []]) listener.onPoke();
  }

  /** Tells the topic's listeners that it is gone. */
  delete(topic: Topic): void {
    for (const listener of [...this.#listeners.get(nameOf(topic)) ?? []]) listener.onDeleted();
    this.#listeners.delete(nameOf(topic));
  }

  /** Begins the live stream of a run, which is the topic's only one. */
  begin(topic: Topic, run: RunAttempt): LiveRun {
    const name = nameOf(topic);
    const { threadId } = topic;
    const publish = (index: number, chunks: readonly string[]): void => {
      const listeners = this.#listeners.get(name);
      if (listeners === undefined) return;
      const { runId, attempt } = run;
      const frame = encodeChunks({ threadId, runId, attempt, index }, chunks);
      for (const listener of [...listeners]) listener.onChunks(run, index, chunks, frame);
    };
    const live = new LiveRun(run, { publish, turn: this.#turn });
    this.#live.set(name, live);
    return live;
  }

  /** Ends the live stream: what waited has been passed on. */
  end(topic: Topic, live: LiveRun): void {
    live.end();
    if (this.#live.get(nameOf(topic)) === live) this.#live.delete(nameOf(topic));
  }

  /** The topic's run that streams on this instance. */
  live(topic: Topic): LiveRun | null {
    return this.#live.get(nameOf(topic)) ?? null;
  }
}
