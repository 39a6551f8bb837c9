/**
 * The gate: the one thing that a route calls before it may use a service.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { AppError, type ErrorCode, toAppError } from "../errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import { NO_TRACER, type Span, type Tracer } from "../observe/tracing.ts";
import { type Random, retrySoonMs } from "./backoff.ts";
import type { RefusalVerdict, StartupBarrier, Verdict } from "./barrier.ts";
import type {
  Admitted,
  Caller,
  Gone,
  Named,
  Passage,
  PassRequest,
  Refused,
  Unverified,
  Verified,
} from "./passage.ts";
import { refusalOf } from "./refusal.ts";
import type { Place, RoomFull, WaitingRoom } from "./waiting_room.ts";

/** What a gate is made of. */
export interface GateOptions<S, V> {
  /** The start-up's barrier. */
  readonly services: StartupBarrier<S>;
  /** Opens when tokens can be verified; shares the start-up's fate until then. */
  readonly keys: StartupBarrier<V>;
  /** Where callers wait. */
  readonly room: WaitingRoom;
  /** Takes `gate_wait_seconds` and `gate_waiting`. */
  readonly metrics: Metrics;
  /** Traces each caller's way through. */
  readonly tracer?: Tracer;
  /** Spreads `retryAfterMs`; `Math.random` by default. */
  readonly random?: Random;
  /** A clock that never goes back, milliseconds; `performance.now` by default. */
  readonly now?: () => number;
}

/** A caller who waits. */
interface Visit<S> {
  readonly place: Place;
  readonly restMs: () => number;
  /** Aborts when the caller leaves, and when it has its answer. */
  readonly signal: AbortSignal;
  /** The start-up's verdict, asked for on arrival: whoever waits when it falls gets it. */
  readonly verdict: Promise<Verdict<S>>;
}

/** A passage before its time is taken. */
type Outcome<S, P extends Named> = Omit<Admitted<S, P>, "waitedMs"> | Refused | Gone;

const GONE: Gone = { kind: "gone" };

/**
 * Lets callers pass when the start-up has a verdict and their token is verified.
 *
 * @typeParam S The services behind it.
 * @typeParam V What verifies tokens.
 */
export class Gate<S, V> {
  readonly #services: StartupBarrier<S>;
  readonly #keys: StartupBarrier<V>;
  readonly #room: WaitingRoom;
  readonly #metrics: Metrics;
  readonly #tracer: Tracer;
  readonly #random: Random;
  readonly #now: () => number;

  /** Makes a gate; it owns nothing that must be closed. */
  constructor(options: GateOptions<S, V>) {
    const { random = Math.random, now = () => performance.now() } = options;
    this.#services = options.services;
    this.#keys = options.keys;
    this.#room = options.room;
    this.#metrics = options.metrics;
    this.#tracer = options.tracer ?? NO_TRACER;
    this.#random = random;
    this.#now = now;
  }

  /**
   * Resolves when the caller may pass, is refused, or has left. Never rejects. Where
   * the start-up is ready no place is taken. A place is free when this resolves.
   */
  pass<P extends Named>(request: PassRequest<V, P>): Promise<Passage<S, P>> {
    return this.#tracer.span("gate", {}, (span) => this.#observe(request, span));
  }

  async #observe<P extends Named>(
    request: PassRequest<V, P>,
    span: Span,
  ): Promise<Passage<S, P>> {
    const arrivedMs = this.#now();
    const passage = await this.#pass(request, arrivedMs);
    const verdict = passage.kind === "admitted" ? passage.verdict.kind : passage.kind;
    const waitedMs = this.#now() - arrivedMs;
    this.#metrics.record("gate_wait_seconds", { verdict }, waitedMs / 1000);
    span.set({ "drawbridge.gate.verdict": verdict });
    if (passage.kind === "refused") span.fail(passage.error.code);
    else if (passage.kind === "admitted" && passage.verdict.kind !== "ready") {
      span.fail(refusalOf(passage.verdict).code);
    }
    return passage.kind === "admitted" ? { ...passage, waitedMs } : passage;
  }

  async #pass<P extends Named>(
    request: PassRequest<V, P>,
    arrivedMs: number,
  ): Promise<Outcome<S, P>> {
    if (request.signal.aborted) return GONE;
    if (this.#services.state === "draining") return this.#refuse({ kind: "draining" });
    const caller = await this.#identifyNow(request);
    if (request.signal.aborted) return GONE;
    if ("kind" in caller) return caller;
    const standing = this.#services.peek();
    if (standing === null || !("principal" in caller)) {
      return this.#wait(request, caller, arrivedMs);
    }
    return { kind: "admitted", verdict: standing, principal: caller.principal };
  }

  /** Verifies the caller before it takes a place, where the keys are there. */
  async #identifyNow<P extends Named>(caller: Caller<V, P>): Promise<Caller<V, P> | Refused> {
    const keys = this.#keys.peek();
    if ("principal" in caller || keys?.kind !== "ready") return caller;
    return await identify(caller.authenticate, keys.ready.services);
  }

  async #wait<P extends Named>(
    { deadlineMs, signal }: PassRequest<V, P>,
    caller: Caller<V, P>,
    arrivedMs: number,
  ): Promise<Outcome<S, P>> {
    const place = this.#room.enter("principal" in caller ? caller.principal.subject : null);
    if (typeof place === "string") return this.#noPlace(place);
    this.#recordWaiting();
    const over = new AbortController();
    const leave = (): void => {
      place.leave();
      over.abort();
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      const restMs = (): number => Math.max(arrivedMs + deadlineMs - this.#now(), 0);
      const verdict = this.#services.verdict({ deadlineMs: restMs(), signal: over.signal });
      const visit = { place, restMs, signal: over.signal, verdict };
      const known = "principal" in caller ? caller : await this.#identify(caller, visit);
      if ("kind" in known) return known;
      const fallen = await verdict;
      await place.turn();
      if (fallen.kind === "gone" || signal.aborted) return GONE;
      // While its turn came, the start-up may have gone on to ready or to the drain.
      const last = this.#services.peek() ?? fallen;
      return { kind: "admitted", verdict: last, principal: known.principal };
    } finally {
      signal.removeEventListener("abort", leave);
      leave();
      this.#recordWaiting();
    }
  }

  /** Waits for the keys, verifies the caller, and names its place. */
  async #identify<P extends Named>(
    { authenticate }: Unverified<V, P>,
    visit: Visit<S>,
  ): Promise<Verified<P> | Refused | Gone> {
    const { place, restMs, signal } = visit;
    const keys = await this.#keys.verdict({ deadlineMs: restMs(), signal });
    await place.turn();
    if (keys.kind === "gone" || signal.aborted) return GONE;
    if (keys.kind !== "ready") return this.#refuse(keys);
    const known = await this.#orDrained(identify(authenticate, keys.ready.services), visit);
    if (signal.aborted) return GONE;
    if ("kind" in known || this.#services.state === "ready") return known;
    return place.name(known.principal.subject) === "ok" ? known : this.#noPlace("subject-full");
  }

  /** Whoever is unverified when the drain begins, or at its deadline, is refused at once. */
  async #orDrained<T>(identity: Promise<T>, visit: Visit<S>): Promise<T | Refused> {
    const { restMs, signal, verdict } = visit;
    const drained = verdict.then((fallen) =>
      fallen.kind === "draining" ? this.#refuse(fallen) : new Promise<never>(() => {})
    );
    try {
      return await deadline(Promise.race([identity, drained]), restMs(), { signal });
    } catch {
      // Neither of the two rejects: it was the deadline, or the signal, which the caller asks next.
      const code = this.#services.state === "ready" ? "AUTH_UNAVAILABLE" : "STARTUP_INCOMPLETE";
      return this.#refuseWith(code);
    }
  }

  #refuse(verdict: RefusalVerdict): Refused {
    return { kind: "refused", error: refusalOf(verdict, retrySoonMs(this.#random)) };
  }

  #noPlace(full: RoomFull): Refused {
    return this.#refuseWith(full === "subject-full" ? "TOO_MANY_CONNECTIONS" : "ADMISSION_FULL");
  }

  #refuseWith(code: ErrorCode): Refused {
    const error = new AppError(code, { retryAfterMs: retrySoonMs(this.#random) });
    return { kind: "refused", error };
  }

  #recordWaiting(): void {
    this.#metrics.record("gate_waiting", {}, this.#room.size);
  }
}

/** Never rejects. */
async function identify<V, P extends Named>(
  authenticate: (verifier: V) => Promise<P>,
  verifier: V,
): Promise<Verified<P> | Refused> {
  try {
    return { principal: await authenticate(verifier) };
  } catch (cause) {
    return { kind: "refused", error: toAppError(cause) };
  }
}
