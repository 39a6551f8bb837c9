/**
 * Two server processes on one database, seen from outside: what one does the
 * other shows, and what one leaves the other finishes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { ChatClient, chunksOf, type PlacedChunk, textOf } from "../support/chat_client.ts";
import { DenoKvServer, needsCluster } from "../support/denokv.ts";
import { eventually } from "../support/feed.ts";
import { devToken, ServerProcess } from "../support/server_process.ts";

/** Two instances and a subject's token. `await using` ends all of it. */
class Cluster implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly a: ServerProcess;
  readonly b: ServerProcess;
  readonly token: string;

  private constructor(
    stack: AsyncDisposableStack,
    { a, b, token }: { a: ServerProcess; b: ServerProcess; token: string },
  ) {
    this.#stack = stack;
    this.a = a;
    this.b = b;
    this.token = token;
  }

  static async start(): Promise<Cluster> {
    await using stack = new AsyncDisposableStack();
    const kv = stack.use(await DenoKvServer.start());
    const a = stack.use(await ServerProcess.start({ env: kv.env }));
    const b = stack.use(await ServerProcess.start({ env: kv.env }));
    await Promise.all([a.state("ready"), b.state("ready")]);
    const token = await devToken(a, "ada");
    return new Cluster(stack.move(), { a, b, token });
  }

  connect(to: ServerProcess): Promise<ChatClient> {
    return ChatClient.connect(to.address, this.token);
  }

  /** The log of a thread, as an instance reads it. */
  async log(from: ServerProcess, threadId: string): Promise<LoggedEntry[]> {
    const { body } = await from.request(`/api/threads/${threadId}/entries?limit=500`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    return JSON.parse(body).entries;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

interface LoggedEntry {
  readonly seq: number;
  readonly entry: {
    readonly kind: string;
    readonly role?: string;
    readonly id?: string;
    readonly attempt?: number;
    readonly outcome?: string;
  };
}

Deno.test({
  ...needsCluster("a chunk streamed by one instance reaches a socket on the other, in order"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    await using far = await cluster.connect(cluster.b);
    await near.say("t", { id: "m1", text: "hello" });
    await near.answer("t");
    await far.request({ type: "thread.open", threadId: "t" });
    await far.answer("t");

    const arrivals = [arrivalsOf(near), arrivalsOf(far)] as const;
    const { runId } = await near.say("t", { id: "m2", text: "/count 60 40" });
    await Promise.all([near.answer("t", 2), far.answer("t", 2)]);

    const [here, there] = await Promise.all(arrivals.map((stop) => stop(runId)));
    assertInOrder([...there!.keys()]);
    assertEquals([...there!.keys()], [...here!.keys()]);
    const delaysMs = [...there!].map(([index, atMs]) => atMs - here!.get(index)!)
      .sort((x, y) => x - y);
    const at = (share: number) => delaysMs[Math.floor((delaysMs.length - 1) * share)]!.toFixed(0);
    console.log(`chunk delay between instances: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  },
});

Deno.test({
  ...needsCluster("an answer is resumed on the other instance where it was left, byte by byte"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    const { runId } = await near.say("t", { id: "m1", text: "/count 50 40" });
    await near.next("chunk", ({ index }) => index >= 20);
    const seen = chunksOf(near.frames.items).filter((chunk) => chunk.runId === runId);
    const last = seen.at(-1)!;

    await using far = await cluster.connect(cluster.b);
    const opened = await far.request({
      type: "thread.open",
      threadId: "t",
      afterSeq: 2,
      run: { runId, attempt: 1, index: last.index },
    });
    assert(opened.type === "thread.opened" && opened.recovered);
    const answer = await far.answer("t");

    const rest = chunksOf(far.frames.items);
    assertEquals(rest[0]?.index, last.index + 1);
    const all = [...seen, ...rest];
    assertInOrder(all.map(({ index }) => index));
    assertEquals(wordsOf(all), textOf(answer));
  },
});

Deno.test({
  ...needsCluster("a run whose instance is killed is finished by the other, as a new attempt"),
  async fn() {
    await using cluster = await Cluster.start();
    await using far = await cluster.connect(cluster.b);
    const near = await cluster.connect(cluster.a);
    await near.say("t", { id: "m1", text: "/count 30 50" });
    await near.next("chunk", ({ index }) => index >= 8);
    await far.request({ type: "thread.open", threadId: "t" });

    const killedMs = performance.now();
    await cluster.a.kill();
    await near.closed();
    const answer = await far.answer("t");

    const started = far.frames.items.filter((frame) =>
      frame.type === "entry" && frame.entry.kind === "run.started"
    );
    assertEquals(started.length, 2);
    assert(answer.entry.kind === "message" && answer.entry.role === "assistant");
    assertEquals([answer.entry.attempt, answer.entry.outcome], [2, "completed"]);
    const again = chunksOf(far.frames.items).filter(({ attempt }) => attempt === 2);
    assertInOrder(again.map(({ index }) => index));
    assertEquals(wordsOf(again), textOf(answer));
    console.log(`killed to answered elsewhere: ${since(killedMs)} s`);
  },
});

Deno.test({
  ...needsCluster("a paused owner writes nothing once its lease has run out"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    await using far = await cluster.connect(cluster.b);
    await near.say("t", { id: "m1", text: "/count 60 100" });
    await near.next("chunk", ({ index }) => index >= 5);
    await far.request({ type: "thread.open", threadId: "t" });

    cluster.a.signal("SIGSTOP");
    await far.next("chunk", ({ attempt, index }) => attempt === 2 && index >= 3);
    // It wakes ahead of the other in the same answer, and would be the first to end it.
    cluster.a.signal("SIGCONT");
    const answer = await far.answer("t");
    assert(answer.entry.kind === "message" && answer.entry.role === "assistant");
    assertEquals([answer.entry.attempt, answer.entry.outcome], [2, "completed"]);

    // The paused instance's own socket sees the other's attempt and no more of its own, unless the
    // platform has closed it over the silence. Whoever opens the thread there sees the same.
    await Promise.race([near.answer("t").catch(() => null), near.closed()]);
    const attempts = chunksOf(near.frames.items).map(({ attempt }) => attempt);
    assertEquals(attempts, attempts.toSorted((x, y) => x - y), "an old chunk behind a new one");
    await using later = await cluster.connect(cluster.a);
    await later.request({ type: "thread.open", threadId: "t" });
    assertEquals(await later.answer("t"), answer);
    // Time for whatever the paused instance still had in hand.
    await delay(1_000);
    const log = await cluster.log(cluster.b, "t");
    assertEquals(await cluster.log(cluster.a, "t"), log);
    assertEquals(log.map(({ seq }) => seq), [1, 2, 3, 4]);
    assertEquals(log.filter(({ entry }) => entry.role === "assistant").length, 1);
  },
});

Deno.test({
  ...needsCluster("a cancel, a queue and an interrupt reach the instance that streams"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    await using far = await cluster.connect(cluster.b);
    const first = await near.say("t", { id: "m1", text: "/count 2000 50" });
    await near.next("chunk", ({ index }) => index >= 5);
    const queued = await far.say("t", { id: "m2", text: "queued" });
    await far.request({ type: "run.cancel", threadId: "t", runId: first.runId });
    const second = await near.answer("t", 2);
    assert(second.entry.kind === "message" && second.entry.role === "assistant");
    assertEquals([second.entry.runId, second.entry.outcome], [queued.runId, "completed"]);

    await near.say("t", { id: "m3", text: "/count 2000 50" });
    await near.next("chunk", ({ runId, index }) => runId !== first.runId && index >= 5);
    const answered = await far.request({
      type: "message.send",
      threadId: "t",
      message: { id: "m4", text: "interrupting" },
      onBusy: "interrupt",
    });
    assert(answered.type === "ack");
    await far.answer("t", 3);
    await near.answer("t", 4);
    const log = await cluster.log(cluster.a, "t");
    const outcomes = log.filter(({ entry }) => entry.role === "assistant")
      .map(({ entry }) => entry.outcome);
    assertEquals(outcomes, ["cancelled", "completed", "cancelled", "completed"]);
    assertEquals(log.map(({ seq }) => seq), log.map((_, index) => index + 1));
  },
});

Deno.test({
  ...needsCluster("a drained instance's runs go on at once on the other"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    await using far = await cluster.connect(cluster.b);
    await near.say("t", { id: "m1", text: "/count 20 100" });
    await near.next("chunk", ({ index }) => index >= 5);
    await far.request({ type: "thread.open", threadId: "t" });

    const drainedMs = performance.now();
    cluster.a.signal("SIGINT");
    assertEquals((await near.closed()).code, 1012);
    await far.next("entry", ({ entry }) => entry.kind === "run.started" && entry.attempt === 2);
    console.log(`drained to taken over: ${since(drainedMs)} s`);
    assertEquals((await cluster.a.exited()).code, 0);
    const answer = await far.answer("t");
    assert(answer.entry.kind === "message" && answer.entry.role === "assistant");
    assertEquals([answer.entry.attempt, answer.entry.outcome], [2, "completed"]);
  },
});

Deno.test({
  ...needsCluster("two instances that are sent to at once append one log without a gap"),
  async fn() {
    await using cluster = await Cluster.start();
    await using near = await cluster.connect(cluster.a);
    await using far = await cluster.connect(cluster.b);
    const sent = [near, far].flatMap((client, side) =>
      Array.from({ length: 5 }, (_, at) => {
        const message = { id: `m${side}-${at}`, text: `from ${side}, number ${at}` };
        return client.say("t", message);
      })
    );
    const seqs = (await Promise.all(sent)).map(({ seq }) => seq);
    assertEquals(new Set(seqs).size, 10);
    const log = await eventually(async () => {
      const entries = await cluster.log(cluster.a, "t");
      return entries.length === 30 ? entries : undefined;
    }, "ten messages, starts and answers");
    assertEquals(log.map(({ seq }) => seq), log.map((_, index) => index + 1));
    assertEquals(await cluster.log(cluster.b, "t"), log);
  },
});

/** Notes when each chunk of a run arrives; the returned function ends that. */
function arrivalsOf(client: ChatClient): (runId: string) => Promise<Map<number, number>> {
  const seen = new Map<string, Map<number, number>>();
  let known = client.frames.items.length;
  const look = () => {
    const nowMs = performance.now();
    const fresh = client.frames.items.slice(known);
    known += fresh.length;
    for (const { runId, index } of chunksOf(fresh)) {
      const run = seen.get(runId) ?? new Map<number, number>();
      seen.set(runId, run.set(index, nowMs));
    }
  };
  const timer = setInterval(look, 1);
  return (runId) => {
    clearInterval(timer);
    look();
    return Promise.resolve(seen.get(runId) ?? new Map());
  };
}

function assertInOrder(indices: readonly number[]): void {
  assertEquals(indices, indices.map((_, at) => indices[0]! + at));
}

/** The text that chunks add up to. */
function wordsOf(chunks: readonly PlacedChunk[]): string {
  return chunks.map(({ chunk }) => chunk.type === "text-delta" ? chunk.delta : "").join("");
}

function since(startedMs: number): string {
  return ((performance.now() - startedMs) / 1_000).toFixed(1);
}
