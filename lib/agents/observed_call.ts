/**
 * One streaming model call whose progress others can await.
 *
 * @module
 */
import type { StreamPart, StreamResult } from "./language_model.ts";

/** The caller left before the call ended: nobody's failure. */
export class CallCancelled extends Error {
  /** The class's name. */
  override readonly name = "CallCancelled";

  /** Holds what the caller should see: its own signal's reason, mostly. */
  constructor(cause: unknown) {
    super("The call was cancelled", { cause });
  }
}

/** A call that is open. */
export interface ObservedCall {
  /** For the caller: the same parts. */
  readonly result: StreamResult;
  /** Resolves with the first part that came from the endpoint; rejects as `over` does. */
  readonly firstPart: Promise<void>;
  /** Resolves when the stream ended whole; rejects with its error, or with {@linkcode CallCancelled}. */
  readonly over: Promise<void>;
}

/** What {@linkcode observeCall} needs besides the call. */
export interface ObserveOptions {
  /** The caller's. An error after it aborted is a cancellation. */
  readonly signal: AbortSignal | undefined;
  /** Awaited before the reader learns of the end: it then finds the books in order. */
  readonly booked: Promise<void>;
}

/** Observes `result` as its reader takes it. */
export function observeCall(
  result: StreamResult,
  { signal, booked }: ObserveOptions,
): ObservedCall {
  const reader = result.stream.getReader();
  const first = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  // Either may be awaited by nobody.
  first.promise.catch(() => {});
  over.promise.catch(() => {});
  const fail = (error: unknown) => {
    over.reject(error);
    first.reject(error);
  };
  const stream = new ReadableStream<StreamPart>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          first.resolve();
          over.resolve();
          await booked;
          return controller.close();
        }
        // `stream-start` is the SDK's own, made as soon as the status line is there.
        if (value.type !== "stream-start") first.resolve();
        controller.enqueue(value);
      } catch (error) {
        fail(signal?.aborted ? new CallCancelled(error) : error);
        await booked;
        controller.error(error);
      }
    },
    cancel(reason) {
      fail(new CallCancelled(reason));
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return { result: { ...result, stream }, firstPart: first.promise, over: over.promise };
}
