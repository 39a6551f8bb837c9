/**
 * Reading a response of server-sent events, as they come.
 *
 * @module
 */
import { orHang } from "./feed.ts";
import { assertPublishedEvent } from "./published_http.ts";

/** One part of the AI SDK's UI message stream. */
export interface UiPart {
  readonly type: string;
  // deno-lint-ignore no-explicit-any
  readonly [field: string]: any;
}

/** Reads the parts of one response. It must be read to its end, or left. */
export class SseReader {
  /** All parts that were read so far. */
  readonly parts: UiPart[] = [];
  /** Comments, such as signs of life. */
  readonly comments: string[] = [];
  /** Whether `[DONE]` was read. */
  isDone = false;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";
  #waiting: UiPart[] = [];

  /** Reads `response`, whose body is its own from now on. */
  constructor(response: Response) {
    if (response.body === null) throw new Error(`There is no body, status ${response.status}`);
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next part; null at the end. Rejects where the response was cut. */
  async next(): Promise<UiPart | null> {
    while (this.#waiting.length === 0) {
      const after = JSON.stringify(this.parts.slice(-3));
      const { done, value } = await orHang(this.#reader.read(), `a part after ${after}`);
      if (done) {
        if (this.#rest !== "") throw new Error(`The stream ended within an event: ${this.#rest}`);
        return null;
      }
      const events = (this.#rest + value).split("\n\n");
      this.#rest = events.pop()!;
      for (const event of events) this.#take(event);
    }
    const part = this.#waiting.shift()!;
    this.parts.push(part);
    return part;
  }

  /** Reads up to the first part of that type, and returns it. */
  async until(type: string): Promise<UiPart> {
    while (true) {
      const part = await this.next();
      if (part === null) {
        throw new Error(`It ended without ${type}: ${JSON.stringify(this.parts.slice(-3))}`);
      }
      if (part.type === type) return part;
    }
  }

  /** Reads to the end and returns all parts. */
  async all(): Promise<UiPart[]> {
    while (await this.next() !== null);
    return this.parts;
  }

  /** The text so far. */
  get text(): string {
    return this.parts.map(({ type, delta }) => type === "text-delta" ? delta : "").join("");
  }

  /** Leaves the stream, as a page that is closed. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
  }

  #take(event: string): void {
    if (this.isDone) throw new Error(`${event} follows [DONE]`);
    if (event.startsWith(":")) this.comments.push(event.slice(1).trim());
    else if (event === "data: [DONE]") this.isDone = true;
    else if (event.startsWith("data: ")) {
      assertPublishedEvent(event.slice(6));
      this.#waiting.push(JSON.parse(event.slice(6)));
    } else throw new Error(`This is no event: ${event}`);
  }
}
