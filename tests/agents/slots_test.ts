import { assertEquals, assertThrows } from "@std/assert";
import { RunSlots } from "../../lib/agents/slots.ts";

Deno.test("RunSlots refuses a place over the bound of a subject, and gives it to another", () => {
  const slots = new RunSlots({ runs: 10, runsPerSubject: 2 });
  assertEquals([1, 2, 3].map(() => slots.tryTake("alice")), [true, true, false]);
  assertEquals(slots.tryTake("bob"), true);
  slots.release("alice");
  assertEquals([slots.tryTake("alice"), slots.tryTake("alice")], [true, false]);
});

Deno.test("RunSlots refuses a place over the bound in all", () => {
  const slots = new RunSlots({ runs: 2, runsPerSubject: 2 });
  assertEquals(["a", "b", "c"].map((subject) => slots.tryTake(subject)), [true, true, false]);
  slots.release("b");
  assertEquals(slots.tryTake("c"), true);
});

Deno.test("RunSlots gives a place over its bounds to a run that must go on, and counts it", () => {
  const slots = new RunSlots({ runs: 1, runsPerSubject: 1 });
  slots.take("alice");
  slots.take("alice");
  assertEquals(slots.tryTake("bob"), false);
  slots.release("alice");
  assertEquals(slots.tryTake("bob"), false);
  slots.release("alice");
  assertEquals(slots.tryTake("bob"), true);
});

Deno.test("RunSlots refuses to release a place that nobody holds", () => {
  const slots = new RunSlots({ runs: 1, runsPerSubject: 1 });
  assertThrows(() => slots.release("alice"), Error, "nobody holds");
  slots.take("alice");
  slots.release("alice");
  assertThrows(() => slots.release("alice"), Error, "nobody holds");
  assertEquals(["alice", "bob"].map((subject) => slots.tryTake(subject)), [true, false]);
});
