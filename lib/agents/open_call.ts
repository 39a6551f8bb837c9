/**
 * A call of a model as the layers around it hand it to one another: part by part. A stream for each
 * layer would cost some 3 KB and 6 µs a part.
 *
 * @module
 */
import type { CallOptions, StreamPart } from "./language_model.ts";

/** A call that streams, for one reader. */
export interface OpenCall {
  /**
   * Resolves to the next part, or to `undefined` once the call has ended whole. Nothing is read
   * ahead. To be called again only when it has resolved, and not after the end.
   *
   * @throws {unknown} what the call ended with, once.
   */
  next(): Promise<StreamPart | undefined>;
  /** Ends the call early, with a reason for whoever makes the parts. Never rejects. */
  leave(reason?: unknown): Promise<void>;
}

/** A model, or a layer around one. */
export interface CallOpener {
  /** Who makes the model. */
  readonly provider: string;
  /** Its name there. */
  readonly modelId: string;
  /**
   * Calls the model. The signal in the options ends the call whenever it aborts.
   *
   * @throws {unknown} where no call could be opened.
   */
  open(options: CallOptions): Promise<OpenCall>;
}
