import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { FanOut, type Topic, type TopicListener } from "../../lib/chat/fan_out.ts";
import type { UserEntry } from "../../lib/chat/protocol.ts";

const TOPIC: Topic = { subject: "alice", threadId: "t", generation: "g1" };
const RUN = { runId: "r", attempt: 1 };

/** Remembers what it was told, as text. */
class Recorder implements TopicListener {
  readonly told: string[] = [];
  onEntry(seq: number, _entry: unknown, frame: string): void {
    this.told.push(`entry ${seq} ${frame}`);
  }
  onChunks(_run: unknown, index: number, chunks: readonly string[], frame: string): void {
    this.told.push(`chunks ${index} ${chunks.join(" ")} ${JSON.parse(frame).type}`);
  }
  onPoke(): void {
    this.told.push("poke");
  }
  onDeleted(): void {
    this.told.push("deleted");
  }
}

function entry(id: string): UserEntry {
  const createdAt = "2026-01-01T00:00:00.000Z";
  return { kind: "message", role: "user", id, parts: [], createdAt };
}

Deno.test("FanOut delivers entries in order to every listener of the topic", () => {
  const fanOut = new FanOut();
  const [one, two] = [new Recorder(), new Recorder()];
  fanOut.subscribe(TOPIC, one);
  fanOut.subscribe(TOPIC, two);
  fanOut.publish(TOPIC, [{ seq: 1, entry: entry("a") }, { seq: 2, entry: entry("b") }]);
  assertEquals(one.told.map((line) => line.slice(0, 7)), ["entry 1", "entry 2"]);
  assertEquals(two.told, one.told);
  const frame = JSON.parse(one.told[0]!.slice(8));
  assertEquals(frame, { type: "entry", threadId: "t", seq: 1, entry: entry("a") });
});

Deno.test("FanOut tells nobody of another subject, thread or incarnation", () => {
  const fanOut = new FanOut();
  const others: Topic[] = [
    { ...TOPIC, subject: "bob" },
    { ...TOPIC, threadId: "u" },
    { ...TOPIC, generation: "g2" },
    // Names that run together must not meet.
    { subject: "g1 alice", threadId: "t", generation: "" },
    { subject: "", threadId: "t", generation: "g1 alice" },
  ];
  const recorder = new Recorder();
  for (const topic of others) fanOut.subscribe(topic, recorder);
  fanOut.publish(TOPIC, [{ seq: 1, entry: entry("a") }]);
  const live = fanOut.begin(TOPIC, RUN);
  live.push("1");
  fanOut.poke(TOPIC);
  fanOut.delete(TOPIC);
  fanOut.end(TOPIC, live);
  assertEquals(recorder.told, []);
});

Deno.test("FanOut forgets a listener that unsubscribes, and the topic with its last one", () => {
  const fanOut = new FanOut();
  const [one, two] = [new Recorder(), new Recorder()];
  const leave = fanOut.subscribe(TOPIC, one);
  const leaveToo = fanOut.subscribe(TOPIC, two);
  leave();
  leave();
  fanOut.poke(TOPIC);
  assertEquals([one.told, two.told, fanOut.hasListeners(TOPIC)], [[], ["poke"], true]);
  leaveToo();
  assertEquals(fanOut.hasListeners(TOPIC), false);
});

Deno.test("FanOut tells a topic's listeners of its end, once, and keeps a later listener of the same topic", () => {
  const fanOut = new FanOut();
  const recorder = new Recorder();
  const leave = fanOut.subscribe(TOPIC, recorder);
  fanOut.delete(TOPIC);
  fanOut.delete(TOPIC);
  assertEquals(recorder.told, ["deleted"]);
  const later = new Recorder();
  fanOut.subscribe(TOPIC, later);
  leave();
  fanOut.poke(TOPIC);
  assertEquals(later.told, ["poke"]);
});

Deno.test("FanOut lets a listener leave while it is told", () => {
  const fanOut = new FanOut();
  const leavers = [1, 2].map(() => {
    const recorder = new Recorder();
    const leave = fanOut.subscribe(TOPIC, recorder);
    recorder.onPoke = () => {
      recorder.told.push("poke");
      leave();
    };
    return recorder;
  });
  fanOut.poke(TOPIC);
  fanOut.poke(TOPIC);
  assertEquals(leavers.map(({ told }) => told), [["poke"], ["poke"]]);
});

Deno.test("LiveRun passes the first chunk on at once and those of the same burst together", () => {
  using time = new FakeTime();
  const fanOut = new FanOut();
  const recorder = new Recorder();
  fanOut.subscribe(TOPIC, recorder);
  const live = fanOut.begin(TOPIC, RUN);
  live.push("0");
  assertEquals(recorder.told, ["chunks 0 0 chunk"]);
  live.push("1");
  live.push("2");
  assertEquals(recorder.told.length, 1);
  time.tick(0);
  assertEquals(recorder.told[1], "chunks 1 1 2 chunks");
  live.push("3");
  assertEquals(recorder.told[2], "chunks 3 3 chunk");
  fanOut.end(TOPIC, live);
});

Deno.test("LiveRun passes on what waits when it ends, and leaves no timer", () => {
  using time = new FakeTime();
  const fanOut = new FanOut();
  const recorder = new Recorder();
  fanOut.subscribe(TOPIC, recorder);
  const live = fanOut.begin(TOPIC, RUN);
  live.push("0");
  live.push("1");
  fanOut.end(TOPIC, live);
  assertEquals(recorder.told, ["chunks 0 0 chunk", "chunks 1 1 chunk"]);
  time.tick(1_000);
  assertEquals(recorder.told.length, 2);
  assertEquals(live.chunks, ["0", "1"]);
});

Deno.test("FanOut knows the run that streams in a topic until that one ends", () => {
  const fanOut = new FanOut();
  assertEquals(fanOut.live(TOPIC), null);
  const first = fanOut.begin(TOPIC, RUN);
  const second = fanOut.begin(TOPIC, { runId: "r2", attempt: 1 });
  assertEquals(fanOut.live(TOPIC), second);
  fanOut.end(TOPIC, first);
  assertEquals(fanOut.live(TOPIC), second);
  fanOut.end(TOPIC, second);
  assertEquals(fanOut.live(TOPIC), null);
});
