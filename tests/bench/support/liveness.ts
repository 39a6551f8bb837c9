/**
 * Somebody who asks for `/health/live` again and again while a server is busy.
 *
 * @module
 */
import { delay } from "@std/async/delay";

const REQUEST = new TextEncoder().encode("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

/** Rest between an answer and the next question, milliseconds. */
const PAUSE_MS = 1;

/** Asks over one connection until it is stopped. */
export class LivenessProbe {
  /** What each answer took, milliseconds. */
  readonly answersMs: number[] = [];
  readonly #connection: Deno.TcpConn;
  #stopped = false;
  readonly #asking: Promise<void>;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#asking = this.#ask();
  }

  /** Begins to ask. */
  static async start(port: number): Promise<LivenessProbe> {
    return new LivenessProbe(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Stops after the answer that is on its way. */
  async stop(): Promise<readonly number[]> {
    this.#stopped = true;
    await this.#asking;
    this.#connection.close();
    return this.answersMs;
  }

  async #ask(): Promise<void> {
    const buffer = new Uint8Array(4_096);
    while (!this.#stopped) {
      const askedMs = performance.now();
      await this.#connection.write(REQUEST);
      const count = await this.#connection.read(buffer);
      if (count === null || buffer[9] !== 50) {
        throw new Error("/health/live did not answer with 200");
      }
      this.answersMs.push(performance.now() - askedMs);
      await delay(PAUSE_MS);
    }
  }
}
