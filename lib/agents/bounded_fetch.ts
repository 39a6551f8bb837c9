/**
 * `fetch` for a model endpoint that nobody vouches for: bounded memory, and
 * errors without an address.
 *
 * @module
 */
import { BrokenAnswer, EndpointRefusal, withoutAddress } from "./model_faults.ts";

/** What {@linkcode boundedFetch} allows. */
export interface FetchBounds {
  /** Longest server-sent event, bytes. The SDK's parser holds a whole one in memory. */
  readonly maxEventBytes: number;
  /** Longest document of a failed call, bytes; the rest is not read. */
  readonly maxErrorBytes: number;
}

/** An event is some hundred bytes; a whole tool call in one is the longest that is usual. */
const DEFAULT_FETCH_BOUNDS: FetchBounds = {
  maxEventBytes: 1_048_576,
  maxErrorBytes: 16_384,
};

/** The `fetch` that the SDK takes. */
export type Fetch = typeof globalThis.fetch;

/**
 * Wraps `fetch`: an answer's body fails once an event outgrows its bound, a failed call's
 * document is cut at its own.
 *
 * @throws {EndpointRefusal} where no response came. An abort passes as it is.
 */
export function boundedFetch(
  fetch: Fetch,
  bounds: FetchBounds = DEFAULT_FETCH_BOUNDS,
): Fetch {
  return async (input, init) => {
    let response: Response;
    try {
      response = await fetch(input, init);
    } catch (error) {
      if (init?.signal?.aborted) throw error;
      const why = error instanceof Error ? withoutAddress(error.message) : "no reason given";
      throw new EndpointRefusal(`The model endpoint cannot be reached: ${why}`);
    }
    const { status, statusText, headers } = response;
    if (response.body === null) return response;
    const check = response.ok ? eventLimit(bounds.maxEventBytes) : () => {};
    const body = guard(response.body, { signal: init?.signal, check });
    const bounded = response.ok ? body : takeBytes(body, bounds.maxErrorBytes);
    return new Response(bounded, { status, statusText, headers });
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * `body`, which fails and lets its source go when `check` throws at a block and when `signal` aborts.
 * The platform does the latter too, but not always where the endpoint floods it (Deno 2.5.0 and
 * 2.9.6): the endpoint was then read on.
 */
function guard(
  body: ReadableStream<Bytes>,
  { signal, check }: {
    signal: AbortSignal | null | undefined;
    check: (block: Bytes) => void;
  },
): ReadableStream<Bytes> {
  const reader = new BlockReader(body);
  let stopListening = () => {};
  const letGo = (reason: unknown) => {
    stopListening();
    reader.cancel(reason).catch(() => {});
  };
  return new ReadableStream({
    start(controller) {
      if (!signal) return;
      const onAbort = () => {
        controller.error(signal.reason);
        letGo(signal.reason);
      };
      stopListening = () => signal.removeEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    },
    async pull(controller) {
      const block = await reader.read();
      if (signal?.aborted) return;
      if (block === undefined) {
        stopListening();
        return controller.close();
      }
      try {
        check(block);
      } catch (error) {
        letGo(error);
        throw error;
      }
      controller.enqueue(block);
    },
    cancel(reason) {
      stopListening();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** Bytes that are read at once. */
const BLOCK_BYTES = 16_384;

/**
 * Reads a body through one buffer of its own. The platform allocates 64 KiB for each block that it
 * reads by itself, a thousand times what a model says in one, and keeps it as long as the block.
 */
class BlockReader {
  readonly #body: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Bytes>;
  #buffer = new ArrayBuffer(BLOCK_BYTES);

  constructor(body: ReadableStream<Bytes>) {
    try {
      this.#body = body.getReader({ mode: "byob" });
    } catch {
      // No stream of bytes, such as that of a `fetch` in a test: its blocks are there already.
      this.#body = body.getReader();
    }
  }

  /** The next block; `undefined` at the end. */
  async read(): Promise<Bytes | undefined> {
    if (this.#body instanceof ReadableStreamDefaultReader) return (await this.#body.read()).value;
    const { done, value } = await this.#body.read(new Uint8Array(this.#buffer));
    if (done) return undefined;
    this.#buffer = value.buffer;
    return value.slice();
  }

  cancel(reason: unknown): Promise<void> {
    return this.#body.cancel(reason);
  }
}

const LF = 10;
const CR = 13;

/** Throws once more than `maxBytes` have come since the last blank line. */
function eventLimit(maxBytes: number): (block: Bytes) => void {
  let eventBytes = 0;
  let lineBytes = 0;
  let previous = 0;
  return (block) => {
    for (const byte of block) {
      if (byte === LF && previous === CR) {
        // The second half of one line end.
      } else if (byte === LF || byte === CR) {
        if (lineBytes === 0) eventBytes = 0;
        lineBytes = 0;
      } else {
        lineBytes++;
      }
      previous = byte;
      if (++eventBytes > maxBytes) {
        throw new BrokenAnswer(`an event is longer than ${maxBytes} bytes`);
      }
    }
  };
}

/** The first `maxBytes` of `body`; then its source is let go. */
function takeBytes(body: ReadableStream<Bytes>, maxBytes: number): ReadableStream<Bytes> {
  const reader = body.getReader();
  let left = maxBytes;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      controller.enqueue(value.subarray(0, left));
      left -= Math.min(left, value.byteLength);
      if (left > 0) return;
      controller.close();
      await reader.cancel();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
