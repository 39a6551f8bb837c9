/**
 * The gate: the one thing that a route calls before it may use a service.
 *
 * @module
 */
import { AppError, type ErrorCode, toAppError } from "../errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import { NO_TRACER, type Span, type Tracer } from "../observe/tracing.ts";
import { type Random, retrySoonMs } from "./backoff.ts";
import type { RefusalVerdict, StartupBarrier } from "./barrier.ts";
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
import { type Visit, type VisitOptions, Visits } from "./visits.ts";
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

/** A passage before its time is taken. */
type Outcome<S, P extends Named> = Omit<Admitted<S, P>, "waitedMs"> | Refused | Gone;

/** A caller who waits for the keys. */
interface Unnamed<S, V, P extends Named> extends Unverified<V, P> {
  readonly visit: Visit<S, V>;
  readonly place: Place;
}

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
  readonly #visits: Visits<S, V>;
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
    this.#visits = new Visits({ services: options.services, keys: options.keys, random, now });
  }

  /** Whether the process ends. */
  get draining(): boolean {
    return this.#services.state === "draining";
  }

  /**
   * Resolves when the caller may pass, is refused, or has left. Never rejects. Where
   * the start-up is ready no place is taken. A place is free when this resolves.
   */
  pass<P extends Named>(request: PassRequest<V, P>): Promise<Passage<S, P>> {
    return this.#tracer.span("gate", {}, (span) => this.#pass(request, span));
  }

  #pass<P extends Named>(request: PassRequest<V, P>, span: Span): Promise<Passage<S, P>> {
    const arrivedMs = request.arrivedMs ?? this.#now();
    const { deadlineMs, signal } = request;
    // Thousands wait here: whatever else is awaited ends before, and what waits has no frame.
    return this.#arrive(request)
      .then((caller) =>
        "kind" in caller
          ? caller
          : this.#enter(caller, { deadlineAtMs: arrivedMs + deadlineMs, signal })
      )
      .then((outcome) => this.#tell(outcome, arrivedMs, span));
  }

  #tell<P extends Named>(outcome: Outcome<S, P>, arrivedMs: number, span: Span): Passage<S, P> {
    const verdict = outcome.kind === "admitted" ? outcome.verdict.kind : outcome.kind;
    const waitedMs = this.#now() - arrivedMs;
    this.#metrics.record("gate_wait_seconds", { verdict }, waitedMs / 1000);
    span.set({ "drawbridge.gate.verdict": verdict });
    if (outcome.kind === "refused") span.fail(outcome.error.code);
    else if (outcome.kind === "admitted" && outcome.verdict.kind !== "ready") {
      span.fail(refusalOf(outcome.verdict).code);
    }
    return outcome.kind === "admitted" ? { ...outcome, waitedMs } : outcome;
  }

  async #arrive<P extends Named>(
    request: PassRequest<V, P>,
  ): Promise<Caller<V, P> | Refused | Gone> {
    if (request.signal.aborted) return GONE;
    if (this.draining) return this.#refuse({ kind: "draining" });
    const caller = await this.#identifyNow(request);
    return request.signal.aborted ? GONE : caller;
  }

  /** Verifies the caller before it takes a place, where the keys are there. */
  async #identifyNow<P extends Named>(caller: Caller<V, P>): Promise<Caller<V, P> | Refused> {
    const keys = this.#keys.peek();
    if ("principal" in caller || keys?.kind !== "ready") return caller;
    return await identify(caller.authenticate, keys.ready.services);
  }

  /** Lets a verified caller pass at once where a verdict stands; everybody else takes a place. */
  #enter<P extends Named>(
    caller: Caller<V, P>,
    options: Omit<VisitOptions, "place">,
  ): Outcome<S, P> | Promise<Outcome<S, P>> {
    const isVerified = "principal" in caller;
    const verdict = this.#services.peek();
    if (verdict !== null && isVerified) {
      return { kind: "admitted", verdict, principal: caller.principal };
    }
    const place = this.#room.enter(isVerified ? caller.principal.subject : null);
    if (typeof place === "string") return this.#noPlace(place);
    this.#recordWaiting();
    const visit = this.#visits.begin({ ...options, place });
    return isVerified
      ? this.#wait(visit, caller.principal)
      : this.#waitUnnamed({ visit, place, authenticate: caller.authenticate });
  }

  /** Waits for the verdict, and ends the visit. */
  #wait<P extends Named>(visit: Visit<S, V>, principal: P): Promise<Outcome<S, P>> {
    return visit.waitFor("services").then(() => {
      const fallen = visit.services;
      this.#end(visit);
      if (fallen.kind === "gone") return GONE;
      // While its turn came, the start-up may have gone on to ready or to the drain.
      return { kind: "admitted", verdict: this.#services.peek() ?? fallen, principal };
    });
  }

  async #waitUnnamed<P extends Named>(caller: Unnamed<S, V, P>): Promise<Outcome<S, P>> {
    let known: Verified<P> | Refused | Gone | null = null;
    try {
      known = await this.#identify(caller);
    } finally {
      if (known === null || "kind" in known) this.#end(caller.visit);
    }
    return "kind" in known ? known : await this.#wait(caller.visit, known.principal);
  }

  #end(visit: Visit<S, V>): void {
    visit.end();
    this.#recordWaiting();
  }

  /** Waits for the keys, verifies the caller, and names its place. */
  async #identify<P extends Named>(
    { authenticate, visit, place }: Unnamed<S, V, P>,
  ): Promise<Verified<P> | Refused | Gone> {
    await visit.waitFor("keys");
    const { keys } = visit;
    if (keys.kind === "gone") return GONE;
    if (keys.kind !== "ready") return this.#refuse(keys);
    const known = await visit.unlessCut(identify(authenticate, keys.ready.services));
    if (known === "gone") return GONE;
    // Whoever is unverified when the drain begins, or at its deadline, is refused at once.
    if (known === "draining") return this.#refuse({ kind: known });
    if (known === "timed-out") {
      const isReady = this.#services.state === "ready";
      return this.#refuseWith(isReady ? "AUTH_UNAVAILABLE" : "STARTUP_INCOMPLETE");
    }
    if ("kind" in known || this.#services.state === "ready") return known;
    return place.name(known.principal.subject) === "ok" ? known : this.#noPlace("subject-full");
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
