/**
 * An OpenAI-compatible endpoint in the generator's process: each chunk holds the time at which it
 * was sent, so that one clock measures its way through the server. Streams are spread evenly over
 * the time between two chunks, as those of a real endpoint are: by timers of their own they would
 * all fall into step, and what was measured would be a burst.
 *
 * @module
 */

/** How one answer is streamed. */
export interface Script {
  /** Words of the answer. */
  readonly chunks: number;
  /** Time between two of them, milliseconds. */
  readonly everyMs: number;
}

/** What a chunk says of itself. */
export interface Mark {
  /** Its place in the answer, from 0. */
  readonly index: number;
  /** `performance.now()` of this process. */
  readonly sentMs: number;
}

const encoder = new TextEncoder();

/** Streams are looked at this often, milliseconds. */
const TURN_MS = 1;

/** The golden ratio's fraction: any number of streams in a row is spread evenly by it. */
const SPREAD = 0.618;

/** A stream that is not at its end. */
interface Speaker {
  /** `performance.now()` of its next chunk. */
  dueMs: number;
  readonly everyMs: number;
  /** Sends it; false where it was the last. */
  readonly next: () => boolean;
}

/** The endpoint. `await using` ends it. */
export class ModelEndpoint implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scriptOf: (text: string) => Script;
  readonly #speakers = new Set<Speaker>();
  readonly #turns = setInterval(() => this.#speak(), TURN_MS);
  #begun = 0;

  /** Listens; `scriptOf` says how the message `text` is answered. */
  constructor(scriptOf: (text: string) => Script) {
    this.#scriptOf = scriptOf;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => this.#answer(await request.json()),
    );
  }

  /** The environment of a server that is to use it. */
  get env(): Readonly<Record<string, string>> {
    return {
      OPENAI_BASE_URL: `http://127.0.0.1:${this.#server.addr.port}/v1`,
      OPENAI_MODEL: "bench",
    };
  }

  /** Cuts what still streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#turns);
    await this.#server.shutdown();
  }

  #speak(): void {
    const nowMs = performance.now();
    for (const speaker of this.#speakers) {
      if (speaker.dueMs > nowMs) continue;
      speaker.dueMs += speaker.everyMs;
      if (!speaker.next()) this.#speakers.delete(speaker);
    }
  }

  #answer(body: { readonly messages: readonly { readonly content: unknown }[] }): Response {
    const { content } = body.messages.at(-1)!;
    const { chunks, everyMs } = this.#scriptOf(
      typeof content === "string" ? content : JSON.stringify(content),
    );
    let index = 0;
    const speaker = (controller: ReadableStreamDefaultController<Uint8Array>): Speaker => ({
      dueMs: performance.now() + everyMs * (1 + this.#begun++ * SPREAD % 1),
      everyMs,
      next: () => {
        if (index < chunks) {
          const mark = `${index++} ${performance.now().toFixed(3)};`;
          controller.enqueue(event({ content: mark }, null));
          return true;
        }
        controller.enqueue(event({}, "stop"));
        // Whoever reads may leave at its last word.
        if (this.#speakers.has(own)) controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        if (this.#speakers.has(own)) controller.close();
        return false;
      },
    });
    let own: Speaker;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void this.#speakers.add(own = speaker(controller)),
      cancel: () => void this.#speakers.delete(own),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }
}

/** The marks in a text, in order. */
export function marksIn(text: string): Mark[] {
  return text.split(";").slice(0, -1).map((mark) => {
    const [index = "", sentMs = ""] = mark.split(" ");
    return { index: Number(index), sentMs: Number(sentMs) };
  });
}

function event(delta: object, finishReason: string | null): Uint8Array {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  const chunk = { id: "c", object: "chat.completion.chunk", created: 0, model: "bench", choices };
  return encoder.encode(`data: ${JSON.stringify(chunk)}\n\n`);
}
