/**
 * What the scripted model endpoint can answer: well, badly, or never.
 *
 * @module
 */

/** Thrown by a body: the connection closes in the middle of the answer. */
export class ConnectionCut extends Error {}

/** One scripted answer. */
export interface ModelAnswer {
  /** HTTP status; 200 by default. */
  readonly status?: number;
  /** Headers; `content-type: text/event-stream` by default. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Send nothing at all, not even a status line. */
  readonly mute?: boolean;
  /** The body, piece by piece. {@linkcode ConnectionCut} cuts it; `signal` aborts when the reader leaves. */
  readonly body: (signal: AbortSignal) => AsyncIterable<string | Uint8Array>;
}

/** One server-sent event that holds `data` as JSON. */
export function sse(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** One chat completion chunk with `delta`. */
export function deltaEvent(
  delta: Record<string, unknown>,
  finishReason: string | null = null,
): string {
  return sse({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_750_000_000,
    model: "scripted",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
}

/** The events that end a well-formed answer. */
export function endEvents(finishReason = "stop"): string[] {
  return [deltaEvent({}, finishReason), "data: [DONE]\n\n"];
}

/** `pieces`, with `delayMs` before each. */
export function paced(
  pieces: Iterable<string | Uint8Array>,
  delayMs = 0,
): (signal: AbortSignal) => AsyncIterable<string | Uint8Array> {
  return async function* (signal) {
    for (const piece of pieces) {
      if (delayMs > 0) await sleep(delayMs, signal);
      yield piece;
    }
  };
}

/** Streams `words` as text, a chunk a word, and finishes well. */
export function answerText(words: string, { delayMs = 0 } = {}): ModelAnswer {
  return { body: paced([...textEvents(words), ...endEvents()], delayMs) };
}

/** Calls the tool `name` with `input`, its arguments in two chunks, and finishes well. */
export function answerToolCall(name: string, input: unknown, id = "call-1"): ModelAnswer {
  const json = typeof input === "string" ? input : JSON.stringify(input);
  const half = Math.ceil(json.length / 2);
  const call = (fields: Record<string, unknown>) =>
    deltaEvent({ tool_calls: [{ index: 0, ...fields }] });
  return {
    body: paced([
      call({ id, type: "function", function: { name, arguments: json.slice(0, half) } }),
      call({ function: { arguments: json.slice(half) } }),
      ...endEvents("tool_calls"),
    ]),
  };
}

/** Answers `status` with an error document that holds `message`. */
export function answerStatus(
  status: number,
  { headers = {}, message = "scripted error" }: {
    headers?: Record<string, string>;
    message?: string;
  } = {},
): ModelAnswer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: paced([JSON.stringify({ error: { message, code: "scripted" } })]),
  };
}

/** Streams `words`, then ends the body in good order but without a finish reason. */
export function answerCut(words: string): ModelAnswer {
  return { body: paced(textEvents(words)) };
}

/** Streams `words`, then resets the connection within an event. */
export function answerReset(words: string): ModelAnswer {
  return {
    async *body() {
      yield* textEvents(words);
      yield deltaEvent({ content: "never whole" }).slice(0, 40);
      throw new ConnectionCut();
    },
  };
}

/** Streams `words`, then nothing more until the reader leaves. */
export function answerSilent(words = ""): ModelAnswer {
  return {
    async *body(signal) {
      yield* textEvents(words);
      await untilAborted(signal);
    },
  };
}

/** Takes the request and never sends as much as a status line. */
export function answerNever(): ModelAnswer {
  return { mute: true, body: paced([]) };
}

/** Sends `pieces` as they are under status 200. */
export function answerRaw(
  pieces: Iterable<string | Uint8Array>,
  headers: Record<string, string> = {},
): ModelAnswer {
  return { headers, body: paced(pieces) };
}

/** An HTML page under status 200, as a captive portal or a proxy sends. */
export function answerHtml(): ModelAnswer {
  return answerRaw(["<!doctype html><title>Sign in</title>"], { "content-type": "text/html" });
}

/** One event whose data never ends its line, `bytes` long in all. */
export function answerHugeLine(bytes: number): ModelAnswer {
  const block = "x".repeat(65_536);
  return {
    async *body() {
      yield 'data: {"choices":[{"delta":{"content":"';
      for (let sent = 0; sent < bytes; sent += block.length) yield block;
      yield '"}}]}\n\n';
      yield* endEvents();
    },
  };
}

/** Words without end. */
export function answerEndless({ delayMs = 1 } = {}): ModelAnswer {
  return {
    async *body(signal) {
      for (let word = 1; !signal.aborted; word++) {
        await sleep(delayMs, signal);
        yield deltaEvent({ content: `${word} ` });
      }
    },
  };
}

function textEvents(words: string): string[] {
  return (words.match(/\S+\s*|\s+/g) ?? []).map((content) => deltaEvent({ content }));
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
