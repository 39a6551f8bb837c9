/**
 * One call of a model whose progress others can await.
 *
 * @module
 */
import type { StreamPart } from "./language_model.ts";
import type { OpenCall } from "./open_call.ts";

/** The caller left before the call ended: nobody's failure. */
export class CallCancelled extends Error {
  /** The class's name. */
  override readonly name = "CallCancelled";

  /** Holds what the caller should see: its own signal's reason, mostly. */
  constructor(cause: unknown) {
    super("The call was cancelled", { cause });
  }
}

/** What an {@linkcode ObservedCall} needs besides the call. */
export interface ObserveOptions {
  /** The caller's. An error after it aborted is a cancellation. */
  readonly signal: AbortSignal | undefined;
  /** Awaited before the reader learns of the end: it then finds the books in order. */
  readonly booked: Promise<void>;
}

/** The same parts, as its reader takes them. */
export class ObservedCall implements OpenCall {
  readonly #call: OpenCall;
  readonly #options: ObserveOptions;
  readonly #first = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();

  /** Observes `call`. */
  constructor(call: OpenCall, options: ObserveOptions) {
    this.#call = call;
    this.#options = options;
    // Either may be awaited by nobody.
    this.firstPart.catch(() => {});
    this.over.catch(() => {});
  }

  /** Resolves with the first part that came from the endpoint; rejects as {@linkcode over} does. */
  get firstPart(): Promise<void> {
    return this.#first.promise;
  }

  /** Resolves when the call ended whole; rejects with its error, or with {@linkcode CallCancelled}. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** The next part. */
  async next(): Promise<StreamPart | undefined> {
    try {
      const part = await this.#call.next();
      // `stream-start` is the SDK's own, made as soon as the status line is there.
      if (part?.type !== "stream-start") this.#first.resolve();
      if (part !== undefined) return part;
      this.#over.resolve();
    } catch (error) {
      this.#fail(this.#options.signal?.aborted ? new CallCancelled(error) : error);
      await this.#options.booked;
      throw error;
    }
    await this.#options.booked;
    return undefined;
  }

  /** Cancels the call. */
  leave(reason?: unknown): Promise<void> {
    this.#fail(new CallCancelled(reason));
    return this.#call.leave(reason);
  }

  #fail(error: unknown): void {
    this.#over.reject(error);
    this.#first.reject(error);
  }
}
