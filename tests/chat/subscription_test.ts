import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { delay } from "@std/async/delay";
import { FakeTime } from "@std/testing/time";
import { FanOut, type Topic } from "../../lib/chat/fan_out.ts";
import type { Entry, RunPosition } from "../../lib/chat/protocol.ts";
import { PacedOutlet } from "../../lib/chat/paced_outlet.ts";
import { Subscription } from "../../lib/chat/subscription.ts";
import type { SubscriptionStart, TopicReader } from "../../lib/chat/subscription_parts.ts";
import { AppError } from "../../lib/errors.ts";
import { FakeSocket } from "../support/fake_socket.ts";

const TOPIC: Topic = { subject: "alice", threadId: "t", generation: "g" };
const RUN = { runId: "r", attempt: 1 };
const FROM_START: SubscriptionStart = { afterSeq: 0, headSeq: 0, run: null };
const CREATED_AT = "2026-01-01T00:00:00.000Z";
const MAX_UNSENT = 100_000;

/** A log in memory, whose reads a test may hold up. */
class Log implements TopicReader {
  readonly stored: Entry[] = [];
  readonly chunksStored: string[] = [];
  follows = 0;
  /** Awaited before each read of entries. */
  before: () => Promise<void> | void = () => {};
  /** Entries in one read at most. */
  page = 2;

  follow(): Promise<void> {
    this.follows++;
    return Promise.resolve();
  }
  unfollow(): void {
    this.follows--;
  }
  async entries(_topic: Topic, afterSeq: number): ReturnType<TopicReader["entries"]> {
    await this.before();
    const entries = this.stored.map((entry, at) => ({ seq: at + 1, entry }))
      .slice(afterSeq, afterSeq + this.page);
    return { entries, more: entries.length === this.page };
  }
  chunks(_topic: Topic, _run: unknown, fromIndex: number): Promise<readonly string[]> {
    return Promise.resolve(this.chunksStored.slice(fromIndex));
  }
}

/** One topic, one log, and one socket that follows it. */
class Scene implements Disposable {
  log = new Log();
  fanOut = new FanOut();
  readonly socket: FakeSocket;
  readonly outlet: PacedOutlet;
  subscription: Subscription | undefined;

  constructor(socket = new FakeSocket()) {
    this.socket = socket;
    this.outlet = new PacedOutlet(socket, {
      maxUnsentBytes: MAX_UNSENT,
      onSent: () => {},
      onSlow: () => socket.close(1013, "Slow consumer"),
      onFault: (error) => {
        throw error;
      },
    });
  }

  begin(start: SubscriptionStart = FROM_START): Subscription {
    const { log: reader, fanOut, outlet } = this;
    this.subscription = new Subscription({ topic: TOPIC, reader, fanOut, outlet }, start);
    this.subscription.begin();
    return this.subscription;
  }

  /** Appends to the log, and tells of it where `told`. */
  append(entry: Entry, { told = true } = {}): void {
    const seq = this.log.stored.push(entry);
    if (told) this.fanOut.publish(TOPIC, [{ seq, entry }]);
  }

  /** What the socket got, in short: `e1`, `c0-2`. */
  get got(): string[] {
    return this.socket.frames.map((frame) => {
      if (frame.type === "entry") return `e${frame.seq}`;
      if (frame.type === "chunk") return `c${frame.index}`;
      if (frame.type !== "chunks") return frame.type;
      return `c${frame.index}-${frame.index + frame.chunks.length - 1}`;
    });
  }

  /** The indexes of all chunks, in order. */
  get indexes(): number[] {
    return this.socket.frames.flatMap((frame) => {
      if (frame.type === "chunk") return [frame.index];
      return frame.type === "chunks" ? frame.chunks.map((_, at) => frame.index + at) : [];
    });
  }

  [Symbol.dispose](): void {
    this.subscription?.close();
    this.outlet.close();
    assertEquals(this.socket.violations, []);
  }
}

function user(id: string, text = id): Entry {
  const parts = [{ type: "text", text }];
  return { kind: "message", role: "user", id, parts, createdAt: CREATED_AT };
}

const STARTED: Entry = { kind: "run.started", ...RUN, agent: "default", replyTo: "m" };
const ANSWER: Entry = {
  kind: "message",
  role: "assistant",
  id: "a-r",
  ...RUN,
  agent: "default",
  parts: [],
  outcome: "completed",
  createdAt: CREATED_AT,
};

function chunk(delta: string): string {
  return JSON.stringify({ type: "text-delta", id: "t", delta });
}

function counts(until: number, from = 0): number[] {
  return Array.from({ length: until - from }, (_, at) => from + at);
}

Deno.test("Subscription sends what is in the log behind the cursor, page by page, then what is appended", async () => {
  using scene = new Scene();
  for (const id of ["a", "b", "c", "d", "e"]) scene.append(user(id));
  scene.begin({ afterSeq: 1, headSeq: 5, run: null });
  await scene.socket.until(() => scene.got.length === 4);
  scene.append(user("f"));
  await scene.socket.until(() => scene.got.length === 5);
  assertEquals(scene.got, ["e2", "e3", "e4", "e5", "e6"]);
});

Deno.test("Subscription sends what is appended while it reads once, and in its place", async () => {
  using scene = new Scene();
  scene.append(user("a"));
  let reads = 0;
  scene.log.before = () => {
    // The entry is told of, and stored, while the first and the second read are under way.
    if (reads++ < 2) scene.append(user(`x${reads}`));
  };
  scene.begin();
  await scene.socket.until(() => scene.got.length === 3);
  scene.append(user("last"));
  await scene.socket.until(() => scene.got.length === 4);
  assertEquals(scene.got, ["e1", "e2", "e3", "e4"]);
});

Deno.test("Subscription reads the log where a told entry leaves a gap, and ignores one that it has sent", async () => {
  using scene = new Scene();
  scene.append(user("a"));
  scene.begin();
  await scene.socket.until(() => scene.got.length === 1);
  scene.append(user("b"), { told: false });
  scene.append(user("c"));
  await scene.socket.until(() => scene.got.length === 3);
  scene.fanOut.publish(TOPIC, [{ seq: 2, entry: user("b") }]);
  scene.append(user("d"));
  await scene.socket.until(() => scene.got.length === 4);
  assertEquals(scene.got, ["e1", "e2", "e3", "e4"]);
});

Deno.test("Subscription reads the log when it is poked", async () => {
  using scene = new Scene();
  scene.begin();
  scene.append(user("a"), { told: false });
  await scene.socket.until(() => scene.got.length === 1);
  scene.append(user("b"), { told: false });
  scene.fanOut.poke(TOPIC);
  await scene.socket.until(() => scene.got.length === 2);
  assertEquals(scene.got, ["e1", "e2"]);
});

Deno.test("Subscription sends a live run's chunks from every position at which it may begin, without gap or repeat", async () => {
  const total = 9;
  for (let before = 0; before <= total; before++) {
    for (let during = 0; before + during <= total; during += 3) {
      for (let next = 0; next <= before; next++) {
        using scene = new Scene();
        scene.append(user("m"));
        scene.append(STARTED);
        const live = scene.fanOut.begin(TOPIC, RUN);
        for (const at of counts(before)) live.push(chunk(`${at}`));
        scene.begin({ afterSeq: 2, headSeq: 2, run: { ...RUN, next } });
        for (const at of counts(before + during, before)) live.push(chunk(`${at}`));
        live.flush();
        const seen = counts(before + during, next);
        await scene.socket.until(() => scene.indexes.length === seen.length);
        for (const at of counts(total, before + during)) live.push(chunk(`${at}`));
        live.end();
        scene.log.chunksStored.push(...live.chunks);
        await delay(0);
        scene.append(ANSWER);
        scene.fanOut.end(TOPIC, live);
        await scene.socket.until(() => scene.got.at(-1) === "e3");
        const where = `${before} streamed before, ${during} while it began, ${next} seen`;
        assertEquals(scene.indexes, counts(total, next), where);
        assertEquals(scene.got.indexOf("e3"), scene.got.length - 1, where);
      }
    }
  }
});

Deno.test("Subscription sends no chunk of a run that had ended before it began", async () => {
  using scene = new Scene();
  scene.append(user("m"));
  scene.append(STARTED);
  scene.append(ANSWER);
  scene.log.chunksStored.push(chunk("0"), chunk("1"));
  scene.begin({ afterSeq: 0, headSeq: 3, run: null });
  await scene.socket.until(() => scene.got.length === 3);
  assertEquals(scene.got, ["e1", "e2", "e3"]);
});

Deno.test("Subscription sends the last chunks of a run that ends while it reads", async () => {
  using scene = new Scene();
  scene.append(user("m"));
  scene.append(STARTED);
  const live = scene.fanOut.begin(TOPIC, RUN);
  live.push(chunk("0"));
  let reads = 0;
  scene.log.before = () => {
    // The second read finds the run streaming; it ends before that read is over.
    if (++reads !== 2) return;
    live.push(chunk("1"));
    live.end();
    scene.log.chunksStored.push(...live.chunks);
    scene.fanOut.end(TOPIC, live);
  };
  scene.begin();
  await scene.socket.until(() => scene.indexes.length === 2);
  scene.append(ANSWER);
  await scene.socket.until(() => scene.got.at(-1) === "e3");
  assertEquals(scene.indexes, [0, 1]);
});

for (const ends of [false, true]) {
  const what = ends ? "streams and ends" : "streams";
  Deno.test(`Subscription sends what a run ${what} while the reader is waited for, at once after that`, async () => {
    using time = new FakeTime();
    const socket = new FakeSocket();
    using scene = new Scene(socket);
    scene.append(user("m"));
    scene.append(STARTED);
    const live = scene.fanOut.begin(TOPIC, RUN);
    scene.begin();
    await time.runMicrotasks();
    // The log is read once more. A chunk that fills the reader's buffer comes meanwhile.
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.log.before = () => promise;
    scene.fanOut.poke(TOPIC);
    socket.stalled = true;
    live.push(chunk("x".repeat(MAX_UNSENT / 2)));
    resolve();
    await time.runMicrotasks();
    assertEquals(scene.indexes, [0]);
    live.push(chunk("1"));
    live.flush();
    if (ends) {
      live.end();
      scene.log.chunksStored.push(...live.chunks);
      scene.fanOut.end(TOPIC, live);
    }
    socket.take();
    await time.tickAsync(20);
    await time.runMicrotasks();
    assertEquals(scene.indexes, [0, 1]);
    scene.fanOut.end(TOPIC, live);
  });
}

Deno.test("Subscription passes on what streams while it reads a slow store, without waiting for a pause", async () => {
  using time = new FakeTime();
  using scene = new Scene();
  scene.append(user("m"));
  scene.append(STARTED);
  const live = scene.fanOut.begin(TOPIC, RUN);
  let reads = 0;
  scene.log.before = () => {
    reads++;
    return delay(100);
  };
  scene.begin();
  // A chunk every 20 ms, five for each read.
  for (const at of counts(50)) {
    live.push(chunk(`${at}`));
    await time.tickAsync(20);
  }
  await time.tickAsync(20);
  assertEquals(scene.indexes, counts(50));
  // It has gone over to what is live, and does not ask the store again and again.
  assertLessOrEqual(reads, 5);
  live.end();
  scene.fanOut.end(TOPIC, live);
});

Deno.test("Subscription sends stored chunks of a run that streams elsewhere, as they are stored", async () => {
  using scene = new Scene();
  scene.append(user("m"));
  scene.append(STARTED);
  scene.log.chunksStored.push(chunk("0"), chunk("1"));
  scene.begin();
  await scene.socket.until(() => scene.indexes.length === 2);
  scene.log.chunksStored.push(chunk("2"));
  scene.fanOut.poke(TOPIC);
  await scene.socket.until(() => scene.indexes.length === 3);
  scene.log.chunksStored.push(chunk("3"));
  scene.append(ANSWER, { told: false });
  scene.fanOut.poke(TOPIC);
  await scene.socket.until(() => scene.got.at(-1) === "e3");
  assertEquals(scene.indexes, [0, 1, 2, 3]);
  assertEquals(scene.got.slice(0, 2), ["e1", "e2"]);
});

Deno.test("Subscription sends a live run's last chunks before an answer that it finds in the log first", async () => {
  using scene = new Scene();
  scene.append(user("m"));
  scene.append(STARTED);
  const live = scene.fanOut.begin(TOPIC, RUN);
  scene.begin();
  await scene.socket.until(() => scene.got.length === 2);
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.log.before = () => promise;
  scene.fanOut.poke(TOPIC);
  live.push(chunk("0"));
  live.push(chunk("1"));
  live.end();
  // Stored, but the run's own instance has not heard of it yet, so the run still counts as live.
  scene.append(ANSWER, { told: false });
  resolve();
  await scene.socket.until(() => scene.got.at(-1) === "e3");
  scene.fanOut.end(TOPIC, live);
  assertEquals(scene.indexes, [0, 1]);
  assertEquals(scene.got.at(-1), "e3");
});

Deno.test("Subscription goes on behind a known position when its run's start comes again, and from 0 for another attempt", async () => {
  const position: RunPosition = { ...RUN, index: 1 };
  const indexesOf = async (attempt: number): Promise<number[]> => {
    using scene = new Scene();
    scene.append(user("m"));
    scene.append({ ...STARTED, attempt });
    const live = scene.fanOut.begin(TOPIC, { ...RUN, attempt });
    for (const at of counts(4)) live.push(chunk(`${at}`));
    live.end();
    scene.begin({ afterSeq: 1, headSeq: 2, run: null, position });
    await scene.socket.until(() => scene.indexes.at(-1) === 3);
    scene.fanOut.end(TOPIC, live);
    return scene.indexes;
  };
  assertEquals(await indexesOf(1), [2, 3]);
  assertEquals(await indexesOf(2), [0, 1, 2, 3]);
});

Deno.test("Subscription catches a slow reader up on a long thread within the unsent limit", async () => {
  using time = new FakeTime();
  const socket = new FakeSocket({ stalled: true });
  using scene = new Scene(socket);
  for (const at of counts(60)) scene.append(user(`m${at}`, "x".repeat(9_000)));
  scene.begin();
  for (let turns = 0; scene.got.length < 60 && turns < 2_000; turns++) {
    await time.tickAsync(20);
    socket.take(3_000);
  }
  assertEquals(scene.got, counts(60).map((at) => `e${at + 1}`));
  assertEquals(socket.closed, null);
  assertGreater(socket.peakBytes, 0);
  assertLessOrEqual(socket.peakBytes, MAX_UNSENT);
});

for (const where of ["streams here", "streams elsewhere"] as const) {
  Deno.test(`Subscription catches a slow reader up on a long answer that ${where} within the unsent limit`, async () => {
    using time = new FakeTime();
    const socket = new FakeSocket({ stalled: true });
    using scene = new Scene(socket);
    scene.append(user("m"));
    scene.append(STARTED);
    const chunks = counts(400).map((at) => chunk(`${at} ${"x".repeat(2_000)}`));
    if (where === "streams elsewhere") scene.log.chunksStored.push(...chunks);
    else {
      const live = scene.fanOut.begin(TOPIC, RUN);
      for (const text of chunks) live.push(text);
      live.end();
    }
    scene.begin();
    for (let turns = 0; scene.indexes.length < 400 && turns < 2_000; turns++) {
      await time.tickAsync(20);
      socket.take(8_000);
      if (socket.closed !== null) break;
    }
    assertEquals(socket.closed, null);
    assertEquals(scene.indexes, counts(400));
    assertLessOrEqual(socket.peakBytes, MAX_UNSENT);
  });
}

Deno.test("Subscription does not hold a live answer up for a reader that is slow: that one is given up, others have it all", async () => {
  using time = new FakeTime();
  const socket = new FakeSocket();
  using scene = new Scene(socket);
  using other = new Scene();
  other.log = scene.log;
  other.fanOut = scene.fanOut;
  scene.append(user("m"));
  scene.append(STARTED);
  const live = scene.fanOut.begin(TOPIC, RUN);
  scene.begin();
  other.begin();
  await time.tickAsync(100);
  await time.runMicrotasks();
  socket.stalled = true;
  for (const at of counts(100)) {
    live.push(chunk(`${at} ${"x".repeat(2_000)}`));
    time.tick(1);
  }
  assertEquals(socket.closed, { code: 1013, reason: "Slow consumer" });
  assertLessOrEqual(socket.peakBytes, MAX_UNSENT + 3_000);
  assertEquals(other.indexes, counts(100));
  live.end();
  scene.fanOut.end(TOPIC, live);
});

Deno.test("Subscription reads again when the store is back, and has then missed nothing", async () => {
  using time = new FakeTime();
  using scene = new Scene();
  let lost = true;
  scene.log.before = () => {
    if (lost) throw new AppError("STORE_UNAVAILABLE");
  };
  scene.append(user("a"));
  scene.begin();
  await time.tickAsync(5_000);
  assertEquals(scene.got, []);
  scene.append(user("b"));
  lost = false;
  for (let turns = 0; turns < 10; turns++) await time.tickAsync(500);
  assertEquals(scene.got, ["e1", "e2"]);
});

Deno.test("Subscription ends without a word where its thread is removed while it reads", async () => {
  using scene = new Scene();
  scene.log.stored.push(user("a"));
  scene.log.before = () => {
    throw new AppError("NOT_FOUND");
  };
  const subscription = scene.begin();
  while (!subscription.isClosed) await Promise.resolve();
  assertEquals([scene.got, scene.log.follows], [[], 0]);
});

Deno.test("Subscription sends nothing once it is closed, and follows nothing", async () => {
  using time = new FakeTime();
  using scene = new Scene();
  const subscription = scene.begin();
  await time.runMicrotasks();
  scene.append(user("a"));
  subscription.close();
  subscription.close();
  scene.append(user("b"));
  scene.fanOut.poke(TOPIC);
  await time.tickAsync(5_000);
  assertEquals([scene.got, scene.fanOut.hasListeners(TOPIC), scene.log.follows], [
    ["e1"],
    false,
    0,
  ]);
});

Deno.test("Subscription closed while it reads sends nothing of what it finds", async () => {
  using time = new FakeTime();
  using scene = new Scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.log.before = () => promise;
  scene.append(user("a"));
  scene.begin().close();
  resolve();
  await time.tickAsync(5_000);
  assertEquals(scene.got, []);
});

Deno.test("Subscription ends when its thread is deleted", async () => {
  using time = new FakeTime();
  using scene = new Scene();
  const subscription = scene.begin();
  await time.runMicrotasks();
  scene.fanOut.delete(TOPIC);
  assert(subscription.isClosed);
  scene.append(user("a"));
  assertEquals(scene.got, []);
});
