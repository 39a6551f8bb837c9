/**
 * Who comes to the gate, and how it went: the words that routes and the gate share.
 *
 * @module
 */
import type { AppError } from "../errors.ts";
import type { ReadyVerdict, RefusalVerdict } from "./barrier.ts";

/** What the gate must know of a verified caller. */
export interface Named {
  /** Whose places and limits the caller uses. */
  readonly subject: string;
}

/** A caller whose token is verified. */
export interface Verified<P extends Named> {
  /** Who it is. */
  readonly principal: P;
}

/** A caller whose token the gate has verified as soon as the keys are there. */
export interface Unverified<V, P extends Named> {
  /**
   * Verifies the caller's token. Must end by itself, whatever an endpoint does.
   *
   * @throws {AppError} What the caller is refused with.
   */
  readonly authenticate: (verifier: V) => Promise<P>;
}

/** Who asks to pass. */
export type Caller<V, P extends Named> = Verified<P> | Unverified<V, P>;

/** One caller at the gate. */
export type PassRequest<V, P extends Named> = Caller<V, P> & {
  /** When it came, by the gate's clock, where it could not be let in at once; now where left out. */
  readonly arrivedMs?: number | undefined;
  /** Longest wait, from its arrival on, for keys and verdict together, milliseconds: `STARTUP_WAIT_MS`. */
  readonly deadlineMs: number;
  /** Aborts when the caller leaves. Touch `request.signal` before the first await, or it never does. */
  readonly signal: AbortSignal;
};

/** A verified caller and the verdict, which may be a refusal: a socket may be upgraded to tell it. */
export interface Admitted<S, P extends Named> extends Verified<P> {
  /** Its discriminant. */
  readonly kind: "admitted";
  /** The key to the services, or why there is none. */
  readonly verdict: ReadyVerdict<S> | RefusalVerdict;
  /** From arrival to now, milliseconds. */
  readonly waitedMs: number;
}

/** A caller, verified or not, who is refused over HTTP; nothing is upgraded. */
export interface Refused {
  /** Its discriminant. */
  readonly kind: "refused";
  /** What it is told, with `retryAfterMs` where that helps. */
  readonly error: AppError;
}

/** A caller who has left: answer nothing, upgrade nothing. */
export interface Gone {
  /** Its discriminant. */
  readonly kind: "gone";
}

/** How it went at the gate. */
export type Passage<S, P extends Named> = Admitted<S, P> | Refused | Gone;
