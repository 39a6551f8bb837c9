/**
 * An OpenAI-compatible endpoint in the generator's process: each chunk holds the time at which it
 * was sent, so that one clock measures its way through the server.
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

/** The endpoint. `await using` ends it. */
export class ModelEndpoint implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scriptOf: (text: string) => Script;

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
    await this.#server.shutdown();
  }

  #answer(body: { readonly messages: readonly { readonly content: unknown }[] }): Response {
    const { content } = body.messages.at(-1)!;
    const { chunks, everyMs } = this.#scriptOf(
      typeof content === "string" ? content : JSON.stringify(content),
    );
    let index = 0;
    let timer: ReturnType<typeof setInterval> | undefined;
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        const next = (): void => {
          if (index < chunks) {
            const mark = `${index++} ${performance.now().toFixed(3)};`;
            return controller.enqueue(event({ content: mark }, null));
          }
          clearInterval(timer);
          controller.enqueue(event({}, "stop"));
          controller.enqueue(encoder.encode("data: [DONE]\n\n"));
          controller.close();
        };
        timer = setInterval(next, everyMs);
      },
      cancel: () => clearInterval(timer),
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
