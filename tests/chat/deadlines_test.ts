import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Deadlines, type Due } from "../../lib/chat/deadlines.ts";

/** Deadlines from the beginning of a second on, and what came due. */
function newDeadlines() {
  const time = new FakeTime(Math.ceil(Date.now() / 1_000) * 1_000);
  const faults: unknown[] = [];
  const deadlines = new Deadlines({ onFault: (error) => faults.push(error) });
  const told: [string, number][] = [];
  const due = (name: string): Due => ({
    comesDue: () => void told.push([name, time.now - time.start]),
  });
  return { time, deadlines, faults, told, due };
}

Deno.test("Deadlines tell each once, not before its moment and at most a second after", () => {
  const { time, deadlines, told, due } = newDeadlines();
  using _ = time;
  for (const atMs of [2_500, 1_000, 100_000_000_000]) {
    deadlines.add(time.start + atMs, due(`${atMs}`));
  }
  time.tick(100_000_000_000);
  assertEquals(told, [["1000", 1_000], ["2500", 3_000], ["100000000000", 100_000_000_000]]);
  assertEquals(time.next(), false, "no timer is left");
});

Deno.test("Deadlines do not tell what was removed, and leave no timer behind", () => {
  const { time, deadlines, told, due } = newDeadlines();
  using _ = time;
  const [ann, bob] = [due("ann"), due("bob")];
  deadlines.add(time.start + 1_500, ann);
  deadlines.add(time.start + 1_600, bob);
  deadlines.remove(time.start + 1_500, ann);
  time.tick(2_000);
  assertEquals(told, [["bob", 2_000]]);
  deadlines.add(time.start + 9_000, ann);
  deadlines.remove(time.start + 9_000, ann);
  deadlines.remove(time.start + 9_000, ann);
  assertEquals(time.next(), false);
});

Deno.test("Deadlines tell the others where one throws, and take new ones from those they tell", () => {
  const { time, deadlines, told, faults, due } = newDeadlines();
  using _ = time;
  const fault = new Error("broken");
  deadlines.add(time.start + 1_000, {
    comesDue() {
      deadlines.add(time.start + 2_000, due("later"));
      throw fault;
    },
  });
  deadlines.add(time.start + 1_000, due("same"));
  deadlines.add(time.start + 5_000, due("last"));
  time.tick(5_000);
  assertEquals(told, [["same", 1_000], ["later", 2_000], ["last", 5_000]]);
  assertEquals(faults, [fault]);
});
