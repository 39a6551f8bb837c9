/**
 * What a client tells of itself: the states of its connection.
 *
 * @module
 */
import type { DrawbridgeError } from "./client_error.ts";
import type { Session } from "./frames.ts";

/** One phase of the server's start-up, as `/health/startup` tells it. */
export interface StartupPhase {
  /** Such as `store`. */
  readonly name: string;
  /** Whether the server cannot be ready without it. */
  readonly critical: boolean;
  /** Such as `pending`, `running`, `ok` or `failed`. */
  readonly status: string;
  /** Tries so far. */
  readonly attempts: number;
  /** Time it took so far, milliseconds; null before its first try. */
  readonly durationMs: number | null;
}

/** Where the connection is. Each state carries what is known in it and nothing else. */
export type ClientState =
  /** Nothing was asked of the client yet. */
  | { readonly kind: "idle" }
  /** For the first time. */
  | { readonly kind: "connecting" }
  /** The server is there and waits for its own services. */
  | { readonly kind: "waiting-for-startup"; readonly phases: readonly StartupPhase[] }
  /** Everything works. */
  | { readonly kind: "ready"; readonly session: Session }
  /** The chat works, but the named services are lost. */
  | {
    readonly kind: "degraded";
    readonly session: Session;
    readonly services: readonly string[];
  }
  /** The connection was lost or refused; the next try is in `delayMs`, or under way. */
  | {
    readonly kind: "reconnecting";
    /** Tries since the last time it was ready, this one included. */
    readonly attempt: number;
    readonly delayMs: number;
    /** What the server said, where it said something. */
    readonly error: DrawbridgeError | null;
    /**
     * How the last socket ended; null where none was made. One that never opened was refused, or
     * reached nobody: a page is not told which.
     */
    readonly end: { readonly code: number; readonly wasOpen: boolean } | null;
  }
  /** For good: by `close` where there is no error. */
  | { readonly kind: "closed"; readonly error: DrawbridgeError | null };

/** Told of each new state. */
export type StateListener = (state: ClientState) => void;

/** The present state, and those who want to know of the next. */
export class StateFeed {
  readonly #listeners = new Set<StateListener>();
  #state: ClientState = { kind: "idle" };

  /** The present state. */
  get state(): ClientState {
    return this.#state;
  }

  /** Tells `listener` of each state from the next one on, until the returned function is called. */
  subscribe(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Takes the next state. What a listener throws is reported, and stops nothing. */
  next(state: ClientState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
