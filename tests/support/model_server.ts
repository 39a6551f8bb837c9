/**
 * A scripted OpenAI-compatible streaming endpoint on loopback: each request is
 * answered by the next answer in line, the last one again and again. It speaks
 * HTTP/1.1 by itself, so that it can break off where no server would.
 *
 * @module
 */
import { ConnectionCut, type ModelAnswer } from "./model_answers.ts";

export * from "./model_answers.ts";

/** One request as it arrived. */
export interface ModelRequest {
  readonly path: string;
  readonly headers: Headers;
  /** The parsed JSON body: `model`, `messages`, `tools`, … */
  readonly body: Readonly<Record<string, unknown>>;
}

/** The endpoint. `await using` ends it, open answers included. Needs `net`. */
export class ModelServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #requests: ModelRequest[] = [];
  readonly #connections = new Map<Deno.Conn, Promise<void>>();
  readonly #waiting = new Set<() => void>();
  readonly #accepting: Promise<void>;
  #answers: ModelAnswer[];
  #cancelled = 0;
  #closing = false;

  /** Listens on a free port and answers with `answers` in order. */
  constructor(...answers: ModelAnswer[]) {
    this.#answers = answers;
    this.#accepting = this.#accept();
  }

  /** What to configure as `OPENAI_BASE_URL`. */
  get baseUrl(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/v1`;
  }

  /** All requests so far, oldest first. */
  get requests(): readonly ModelRequest[] {
    return this.#requests;
  }

  /** Answers whose reader left before their end. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** Replaces the answers still in line. */
  script(...answers: ModelAnswer[]): void {
    this.#answers = answers;
  }

  /** Resolves once `count` requests have come in all. */
  whenRequested(count: number): Promise<void> {
    return this.#when(() => this.#requests.length >= count);
  }

  /** Resolves once `count` answers in all were left before their end. */
  whenCancelled(count = 1): Promise<void> {
    return this.#when(() => this.#cancelled >= count);
  }

  /** Cuts the answers that are open and frees the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#listener.close();
    await this.#accepting;
    const served = [...this.#connections.values()];
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(served);
  }

  async #when(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const served = this.#serve(connection).finally(() => this.#connections.delete(connection));
      this.#connections.set(connection, served);
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    const gone = new AbortController();
    try {
      this.#requests.push(await readRequest(connection));
      this.#changed();
      const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
      const leaving = connection.read(new Uint8Array(1)).catch(() => null)
        .then(() => gone.abort());
      if (answer === undefined) throw new Error("No answer is scripted");
      if (answer.mute) await leaving;
      const isWhole = !answer.mute && await writeAnswer(connection, answer, gone.signal);
      if (!isWhole) throw new Deno.errors.ConnectionReset();
    } catch (error) {
      const left = gone.signal.aborted || error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.ConnectionReset;
      if (left && !this.#closing) {
        this.#cancelled++;
        this.#changed();
      } else if (!(error instanceof ConnectionCut) && !this.#closing) {
        throw error;
      }
    } finally {
      gone.abort();
      if (!this.#closing) connection.close();
    }
  }
}

const encoder = new TextEncoder();

/** False where the reader left first. */
async function writeAnswer(
  connection: Deno.Conn,
  { status = 200, headers = {}, body }: ModelAnswer,
  signal: AbortSignal,
): Promise<boolean> {
  const fields = {
    "content-type": "text/event-stream",
    ...headers,
    "transfer-encoding": "chunked",
    "connection": "close",
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  await write(connection, `HTTP/1.1 ${status} Scripted\r\n${lines.join("")}\r\n`);
  for await (const piece of body(signal)) {
    if (signal.aborted) return false;
    const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
    if (bytes.byteLength === 0) continue;
    await write(connection, `${bytes.byteLength.toString(16)}\r\n`);
    await write(connection, bytes);
    await write(connection, "\r\n");
  }
  if (signal.aborted) return false;
  await write(connection, "0\r\n\r\n");
  return true;
}

async function write(connection: Deno.Conn, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? encoder.encode(data) : data;
  while (rest.byteLength > 0) rest = rest.subarray(await connection.write(rest));
}

async function readRequest(connection: Deno.Conn): Promise<ModelRequest> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  const more = async () => {
    const count = await connection.read(buffer);
    if (count === null) throw new Deno.errors.ConnectionReset("The request ended early");
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  };
  while (!text.includes("\r\n\r\n")) await more();
  const headEnd = text.indexOf("\r\n\r\n");
  const [requestLine = "", ...fields] = text.slice(0, headEnd).split("\r\n");
  const headers = new Headers(
    fields.map((field): [string, string] => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon), field.slice(colon + 1).trim()];
    }),
  );
  const length = Number(headers.get("content-length"));
  const body = () => text.slice(headEnd + 4);
  while (encoder.encode(body()).byteLength < length) await more();
  return { path: requestLine.split(" ")[1] ?? "", headers, body: JSON.parse(body()) };
}
