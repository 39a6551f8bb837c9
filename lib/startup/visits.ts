/**
 * Who waits at the gate, and for what. Thousands may: each costs one promise, and
 * a verdict wakes them in turns of the room rather than all at once.
 *
 * @module
 */
import { type Random, retrySoonMs } from "./backoff.ts";
import type { RefusalVerdict, StartupBarrier, StateChange, Verdict } from "./barrier.ts";
import type { Place } from "./waiting_room.ts";

/** What a caller brings to its visit. */
export interface VisitOptions {
  /** Its place, which the visit leaves. */
  readonly place: Place;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
  /** When its time is over, by the clock of the visits. */
  readonly deadlineAtMs: number;
}

/** What a visit hears of the two barriers: the first verdict since it began, or that its time is over. */
export interface Heard<S, V> {
  /** The services' verdict. */
  readonly services: Verdict<S> | null;
  /** The keys' verdict. */
  readonly keys: Verdict<V> | null;
}

/** Why a visit's verification is not waited for any more. */
export type Cut = "draining" | "timed-out" | "gone";

/** One caller who waits. */
export class Visit<S, V> {
  readonly #options: VisitOptions;
  readonly #forget: (visit: Visit<S, V>) => void;
  #services: Verdict<S> | null = null;
  #keys: Verdict<V> | null = null;
  #isLate = false;
  #wanted: keyof Heard<S, V> | null = null;
  #onCut: ((cut: Cut) => void) | null = null;

  /** Made by {@linkcode Visits.begin}. */
  constructor(options: VisitOptions, forget: (visit: Visit<S, V>) => void) {
    this.#options = options;
    this.#forget = forget;
  }

  /** When its time is over. */
  get deadlineAtMs(): number {
    return this.#options.deadlineAtMs;
  }

  /** The services' verdict: the first that fell since the visit began. */
  get services(): Verdict<S> {
    return this.#options.signal.aborted ? { kind: "gone" } : this.#services ?? { kind: "gone" };
  }

  /** The keys' verdict, likewise. */
  get keys(): Verdict<V> {
    return this.#options.signal.aborted ? { kind: "gone" } : this.#keys ?? { kind: "gone" };
  }

  /** Resolves at the caller's turn once that verdict has fallen, its time is over or it has left. */
  waitFor(wanted: keyof Heard<S, V>): Promise<void> {
    const { place } = this.#options;
    this.#wanted = wanted;
    const turn = place.wait();
    this.#askIfHeard();
    return turn;
  }

  /** Resolves to what `work` yields, or with what comes before. */
  async unlessCut<T>(work: Promise<T>): Promise<T | Cut> {
    const cut = new Promise<Cut>((resolve) => {
      this.#onCut = resolve;
      if (this.#options.signal.aborted) resolve("gone");
      else if (this.#isLate) resolve("timed-out");
      else if (this.#services?.kind === "draining") resolve("draining");
    });
    try {
      return await Promise.race([work, cut]);
    } finally {
      this.#onCut = null;
    }
  }

  /** Takes a verdict. The first of each kind counts. */
  hear({ services = null, keys = null }: Partial<Heard<S, V>>): void {
    this.#services ??= services;
    this.#keys ??= keys;
    if (services?.kind === "draining") this.#onCut?.("draining");
    this.#askIfHeard();
  }

  /** Its time is over: what it has not heard by now says so. */
  expire(verdict: Extract<RefusalVerdict, { kind: "timed-out" }>): void {
    this.#isLate = true;
    this.hear({ services: verdict, keys: verdict });
    this.#onCut?.("timed-out");
  }

  /** Ends where the caller has left; whether it has. */
  endIfGone(): boolean {
    if (!this.#options.signal.aborted) return false;
    this.end();
    this.#onCut?.("gone");
    return true;
  }

  /** Leaves the place. Again changes nothing. */
  end(): void {
    this.#options.place.leave();
    this.#forget(this);
  }

  #askIfHeard(): void {
    const heard = this.#wanted === "services" ? this.#services : this.#keys;
    if (this.#wanted === null || heard === null) return;
    this.#wanted = null;
    this.#options.place.ask();
  }
}

/** What {@linkcode Visits} are told by, and the time that they live in. */
export interface VisitsOptions<S, V> {
  readonly services: StartupBarrier<S>;
  readonly keys: StartupBarrier<V>;
  /** Spreads `retryAfterMs` of those whose time is over. */
  readonly random: Random;
  /** A clock that never goes back, milliseconds. */
  readonly now: () => number;
}

/**
 * Time between two looks at who has left, milliseconds. A listener on each caller's signal would
 * tell at once, and cost a kilobyte for each.
 */
const LOOK_MS = 250;

/** Everybody who waits. Has one timer while anybody does. */
export class Visits<S, V> {
  readonly #options: VisitsOptions<S, V>;
  /** In order of arrival. */
  readonly #visits = new Set<Visit<S, V>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = Infinity;

  /** Nobody waits yet. */
  constructor(options: VisitsOptions<S, V>) {
    this.#options = options;
    const { services, keys } = options;
    services.onState((change) => this.#tell({ services: verdictOf(services, change) }));
    keys.onState((change) => this.#tell({ keys: verdictOf(keys, change) }));
  }

  /** Begins a visit, which its owner ends. */
  begin(options: VisitOptions): Visit<S, V> {
    const visit = new Visit<S, V>(options, this.#forget);
    this.#visits.add(visit);
    const { services, keys } = this.#options;
    visit.hear({ services: services.peek(), keys: keys.peek() });
    const nowMs = this.#options.now();
    this.#wakeAt(Math.min(options.deadlineAtMs, nowMs + LOOK_MS), nowMs);
    return visit;
  }

  readonly #forget = (visit: Visit<S, V>): void => {
    this.#visits.delete(visit);
    if (this.#visits.size > 0) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = Infinity;
  };

  #tell(heard: Partial<Heard<S, V>>): void {
    for (const visit of this.#visits) visit.hear(heard);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#look(), Math.max(atMs - nowMs, 0));
  }

  #look(): void {
    const { random, now } = this.#options;
    // A timer may be early by a fraction: what it was set for is due all the same.
    const nowMs = Math.max(this.#timerAtMs, now());
    this.#timerAtMs = Infinity;
    let nextMs = nowMs + LOOK_MS;
    for (const visit of this.#visits) {
      if (visit.endIfGone()) continue;
      if (visit.deadlineAtMs > nowMs) nextMs = Math.min(nextMs, visit.deadlineAtMs);
      else visit.expire({ kind: "timed-out", retryAfterMs: retrySoonMs(random) });
    }
    if (this.#visits.size > 0) this.#wakeAt(Math.max(nextMs, nowMs + LEAST_STEP_MS), nowMs);
  }
}

/** Least time between two looks, milliseconds: thousands end one after another. */
const LEAST_STEP_MS = 10;

/** What a transition says to those who wait; null where it says nothing. */
function verdictOf<T>(
  barrier: StartupBarrier<T>,
  { to, failure }: StateChange,
): Exclude<Verdict<T>, { kind: "gone" | "timed-out" }> | null {
  if (to !== "failed") return barrier.peek();
  return { kind: "failed", retryAfterMs: failure?.retryAfterMs ?? 0 };
}
