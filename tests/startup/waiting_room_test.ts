import { assert, assertEquals, assertThrows } from "@std/assert";
import { macrotask, type Place, WaitingRoom } from "../../lib/startup/waiting_room.ts";

/** Takes a place that must be there. */
function enter(room: WaitingRoom, subject: string | null): Place {
  const place = room.enter(subject);
  assert(typeof place === "object", `expected a place, not ${place}`);
  return place;
}

/** Asks for a turn, and waits for it. */
function turn(place: Place): Promise<void> {
  const turn = place.wait();
  place.ask();
  return turn;
}

Deno.test("WaitingRoom refuses a subject's caller over its limit, and no other's", () => {
  const room = new WaitingRoom({ total: 10, perSubject: 2 });
  enter(room, "ann");
  enter(room, "ann");
  assertEquals(room.enter("ann"), "subject-full");
  enter(room, "bob");
  enter(room, null);
  assertEquals(room.size, 4);
});

Deno.test("WaitingRoom refuses everybody over the total, named or not", () => {
  const room = new WaitingRoom({ total: 2, perSubject: 2 });
  enter(room, null);
  enter(room, "ann");
  assertEquals([room.enter(null), room.enter("bob")], ["total-full", "total-full"]);
  assertEquals(room.size, 2);
});

Deno.test("WaitingRoom names the subject's limit where both are reached", () => {
  const room = new WaitingRoom({ total: 1, perSubject: 1 });
  enter(room, "ann");
  assertEquals([room.enter("ann"), room.enter("bob")], ["subject-full", "total-full"]);
});

Deno.test("WaitingRoom counts an unnamed caller in its subject's places once it is named", () => {
  const room = new WaitingRoom({ total: 10, perSubject: 2 });
  const places = [enter(room, null), enter(room, null), enter(room, null)];
  assertEquals(places.map((place) => place.name("ann")), ["ok", "ok", "subject-full"]);
  assertEquals([room.enter("ann"), room.size], ["subject-full", 3]);
});

Deno.test("WaitingRoom frees a place once, however often it is left", () => {
  const room = new WaitingRoom({ total: 2, perSubject: 1 });
  const ann = enter(room, "ann");
  const unnamed = enter(room, null);
  ann.leave();
  ann.leave();
  assertEquals(room.size, 1);
  enter(room, "ann");
  assertEquals(room.enter("ann"), "subject-full");
  unnamed.leave();
  unnamed.leave();
  assertEquals(room.size, 1);
});

Deno.test("WaitingRoom takes nothing back for a name that was refused", () => {
  const room = new WaitingRoom({ total: 10, perSubject: 1 });
  enter(room, "ann");
  const refused = enter(room, null);
  assertEquals(refused.name("ann"), "subject-full");
  refused.leave();
  assertEquals([room.enter("ann"), room.size], ["subject-full", 1]);
});

Deno.test("WaitingRoom names no place twice and none that was left", () => {
  const room = new WaitingRoom({ total: 10, perSubject: 10 });
  const place = enter(room, "ann");
  assertThrows(() => place.name("ann"), Error, "Cannot name a place twice");
  const left = enter(room, null);
  left.leave();
  assertThrows(() => left.name("ann"), Error, "Cannot name a place that was left");
});

/** A room whose macrotasks come when the test says so. */
function stepped(batch: number) {
  const yields: (() => void)[] = [];
  const yieldToLoop = (): Promise<void> => new Promise((resolve) => yields.push(resolve));
  const room = new WaitingRoom({ total: 1_000, perSubject: 1_000, batch, yieldToLoop });
  const step = async (): Promise<void> => {
    yields.shift()?.();
    await macrotask();
  };
  return { room, yields, step };
}

Deno.test("WaitingRoom releases 200 in order of arrival, in batches that grow, one between two macrotasks", async () => {
  const { room, yields, step } = stepped(64);
  const places = Array.from({ length: 200 }, () => enter(room, "ann"));
  const released: number[] = [];
  // They ask in reverse: who came first still goes first.
  for (const [index, place] of [...places.entries()].toReversed()) {
    void turn(place).then(() => released.push(index));
  }
  const sizes: number[] = [];
  for (let steps = 0; steps < 7; steps++) {
    await step();
    sizes.push(released.length);
  }
  assertEquals(sizes, [4, 12, 28, 60, 124, 188, 200]);
  assertEquals(released, places.map((_, index) => index));
  assertEquals(yields.length, 0, "the release has ended");
});

Deno.test("WaitingRoom releases those who ask after a release has ended", async () => {
  const { room, step } = stepped(64);
  const released: string[] = [];
  void turn(enter(room, null)).then(() => released.push("first"));
  await step();
  assertEquals(released, ["first"]);
  void turn(enter(room, null)).then(() => released.push("second"));
  await step();
  assertEquals(released, ["first", "second"]);
});

Deno.test("WaitingRoom gives a place as many turns as it asks for, one at a time", async () => {
  const { room, step } = stepped(64);
  const place = enter(room, null);
  let turns = 0;
  void turn(place).then(() => turns++);
  void turn(place).then(() => turns++);
  await step();
  assertEquals(turns, 2);
  void turn(place).then(() => turns++);
  await macrotask();
  assertEquals(turns, 2);
  await step();
  assertEquals(turns, 3);
});

Deno.test("WaitingRoom keeps nobody who leaves while asking, or asks after leaving", async () => {
  const { room } = stepped(64);
  const place = enter(room, null);
  const asked = turn(place);
  place.leave();
  await asked;
  await turn(place);
  assertEquals(room.size, 0);
});

Deno.test("WaitingRoom lets the event loop turn between two batches by itself", async () => {
  const room = new WaitingRoom({ total: 10, perSubject: 10, batch: 1 });
  const seen: string[] = [];
  const other = macrotask().then(() => seen.push("loop")).then(() => macrotask())
    .then(() => seen.push("loop"));
  const turns = ["first", "second"].map((name) =>
    turn(enter(room, null)).then(() => seen.push(name))
  );
  await Promise.all([other, ...turns]);
  assertEquals(seen, ["loop", "first", "loop", "second"]);
});
