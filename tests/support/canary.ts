/**
 * A user who goes on chatting while others attack: whether it is disturbed, and
 * how long it waits. Needs `net`.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { ChatClient, textOf } from "./chat_client.ts";
import { mintToken } from "./tokens.ts";

/** Waits, milliseconds. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

/** How a canary fared while something went on. */
export interface Wellbeing {
  /** From a ping to its pong. */
  readonly ping: Latency;
  /** From a message to its `ack`, which follows its commit. */
  readonly ack: Latency;
  /** Messages that were answered whole. */
  readonly answers: number;
}

/** Rest between two beats, milliseconds: a person is no load. */
const REST_MS = 8;

/** One message in so many beats; the others are pings. */
const MESSAGE_EVERY = 8;

/** Beats from which a percentile means something. */
const LEAST_BEATS = 150;

/** The user. `await using` makes it leave. Its server must allow some 150 frames a second. */
export class Canary implements AsyncDisposable {
  readonly #client: ChatClient;
  readonly #speaks: boolean;
  #messages = 0;

  private constructor(client: ChatClient, speaks: boolean) {
    this.#client = client;
    this.#speaks = speaks;
  }

  /** Connects. One that does not speak only pings: its server's model may be somebody else's. */
  static async start(
    address: string,
    { speaks = true }: { speaks?: boolean } = {},
  ): Promise<Canary> {
    const client = await ChatClient.connect(address, await mintToken({ sub: "canary" }));
    return new Canary(client, speaks);
  }

  /** Chats for as long as `work` goes on, and long enough to know; throws where it is disturbed. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; wellbeing: Wellbeing }> {
    let isOver = false;
    const working = work().finally(() => isOver = true);
    // Awaited below; meanwhile a failure is no crash.
    working.catch(() => {});
    const pings: number[] = [];
    const acks: number[] = [];
    const before = this.#messages;
    try {
      for (let beat = 1; !isOver || beat <= LEAST_BEATS; beat++) {
        const isMessage = this.#speaks && beat % MESSAGE_EVERY === 0;
        const startedMs = performance.now();
        if (isMessage) await this.#speak(() => acks.push(performance.now() - startedMs));
        else {
          assertEquals((await this.#client.request({ type: "ping" })).type, "pong");
          pings.push(performance.now() - startedMs);
        }
        await delay(REST_MS);
      }
    } catch (cause) {
      await working.catch(() => {});
      throw new Error("The canary was disturbed", { cause });
    }
    const answers = this.#messages - before;
    return {
      result: await working,
      wellbeing: { ping: summarise(pings), ack: summarise(acks), answers },
    };
  }

  /** Leaves; it must still have been welcome. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async #speak(onAck: () => void): Promise<void> {
    const number = ++this.#messages;
    const threadId = `canary-${number}`;
    const text = `tweet ${number}`;
    const ack = await this.#client.say(threadId, { id: "m1", text });
    onAck();
    assertEquals([ack.seq, ack.duplicate], [1, false]);
    const answer = await this.#client.answer(threadId);
    const { entry } = answer;
    assertEquals(answer.seq, 3);
    assertEquals(entry.kind === "message" && "outcome" in entry && entry.outcome, "completed");
    assertStringIncludes(textOf(answer), text);
    await this.#client.request({ type: "thread.close", threadId });
  }
}

function summarise(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 100) / 100;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), longest: at(1 - 1e-9) };
}
