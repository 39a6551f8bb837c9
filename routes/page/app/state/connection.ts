/**
 * The connection as the page sees it: the client's state, and what the page finds out beside it.
 *
 * @module
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ClientState, DrawbridgeClient, StartupPhase } from "../../../../lib/client/mod.ts";
import type { Api } from "./api.ts";
import { diagnose, type Diagnosis, lostServices } from "./diagnosis.ts";

/** Phases, and when they were told. */
export interface ToldPhases {
  readonly phases: readonly StartupPhase[];
  /** `performance.now()` of then. */
  readonly atMs: number;
}

/** Time between two looks at the server's health while it is connected, milliseconds. */
const HEALTH_MS = 15_000;

/** The same while something is lost. */
const LOST_MS = 4_000;

/** Longest wait for a health document, milliseconds. */
const TIMEOUT_MS = 5_000;

/** The page, as far as a connection has to do with it. */
export interface PagePort {
  /** Whether nobody sees it. */
  isHidden(): boolean;
  /** Whether the device has a network at all. */
  isOnline(): boolean;
  /** Calls `listener` when the page is looked at again or its network is back, until `signal` aborts. */
  onReturn(listener: () => void, signal: AbortSignal): void;
  /** The server's JSON document at `path`. */
  document(path: string, signal: AbortSignal): Promise<unknown>;
}

/** The part of the client that is watched. */
export type WatchedClient = Pick<DrawbridgeClient, "state" | "subscribe" | "hurry">;

/** Watches one client. */
export class ConnectionWatch {
  readonly #client: WatchedClient;
  readonly #api: Pick<Api, "threads">;
  readonly #page: PagePort;
  readonly #state = signal<ClientState>({ kind: "idle" });
  readonly #diagnosis = signal<Diagnosis | null>(null);
  readonly #phases = signal<ToldPhases | null>(null);
  readonly #wasReady = signal(false);
  readonly #lost = signal<readonly string[]>([]);
  readonly #over = new AbortController();
  #looks: ReturnType<typeof setTimeout> | undefined;

  /** Watches until it is closed. */
  constructor(client: WatchedClient, api: Pick<Api, "threads">, page: PagePort) {
    this.#client = client;
    this.#api = api;
    this.#page = page;
    this.#state.value = client.state;
    this.#over.signal.addEventListener("abort", client.subscribe((state) => this.#take(state)));
    this.#plan();
    page.onReturn(() => {
      client.hurry();
      void this.look();
    }, this.#over.signal);
  }

  /** The client's own state. */
  get state(): ReadonlySignal<ClientState> {
    return this.#state;
  }

  /** Why it was not let in, where that was found out. */
  get diagnosis(): ReadonlySignal<Diagnosis | null> {
    return this.#diagnosis;
  }

  /** What the start-up last said of itself; null where there was none to wait for. */
  get phases(): ReadonlySignal<ToldPhases | null> {
    return this.#phases;
  }

  /** Whether it was ever let in: until then the gate is all there is to see. */
  get wasReady(): ReadonlySignal<boolean> {
    return this.#wasReady;
  }

  /** Services that are lost while it is connected. */
  get lost(): ReadonlySignal<readonly string[]> {
    return this.#lost;
  }

  /** Asks for the server's health now. */
  async look(): Promise<void> {
    const { kind } = this.#state.value;
    if (this.#page.isHidden() || (kind !== "ready" && kind !== "degraded")) return this.#plan();
    try {
      const lost = lostServices(await this.#document("/health"));
      if (lost.join() !== this.#lost.value.join()) this.#lost.value = lost;
    } catch {
      // The socket tells whether the server is there.
    }
    this.#plan();
  }

  #plan(): void {
    clearTimeout(this.#looks);
    if (this.#over.signal.aborted) return;
    const waitMs = this.#lost.value.length > 0 ? LOST_MS : HEALTH_MS;
    this.#looks = setTimeout(() => void this.look(), waitMs);
  }

  /** Watches no more. */
  close(): void {
    this.#over.abort();
    clearTimeout(this.#looks);
  }

  #take(state: ClientState): void {
    this.#state.value = state;
    if (state.kind === "waiting-for-startup") this.#tell(state.phases);
    if (state.kind === "ready" || state.kind === "degraded") {
      this.#wasReady.value = true;
      this.#diagnosis.value = null;
      this.#phases.value = null;
      this.#lost.value = state.session.degraded;
    }
    if (state.kind === "reconnecting" && !state.end?.wasOpen) void this.#diagnose();
  }

  async #diagnose(): Promise<void> {
    const diagnosis = await diagnose({
      api: this.#api,
      startup: () => this.#document("/health/startup"),
      isOnline: () => this.#page.isOnline(),
    });
    if (this.#state.value.kind !== "reconnecting") return;
    this.#diagnosis.value = diagnosis;
    if (diagnosis.kind === "starting") this.#tell(diagnosis.phases);
    // The server is there again: the wait was for nothing.
    if (diagnosis.kind === "starting") this.#client.hurry();
  }

  #tell(phases: readonly StartupPhase[]): void {
    this.#phases.value = { phases, atMs: performance.now() };
  }

  async #document(path: string): Promise<unknown> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([timeout, this.#over.signal]);
    return await this.#page.document(path, signal);
  }
}
