import { assertEquals } from "@std/assert";
import { Tally } from "../lib/tally.ts";

Deno.test("Tally counts up to its most for each name, and takes back what was counted", () => {
  const tally = new Tally(2);
  assertEquals(["a", "a", "a", "b"].map((name) => tally.tryAdd(name)), [true, true, false, true]);
  assertEquals([tally.hasRoomFor("a"), tally.hasRoomFor("b")], [false, true]);
  tally.remove("a");
  assertEquals([tally.tryAdd("a"), tally.tryAdd("a")], [true, false]);
});

Deno.test("Tally counts nothing for a name of which all was taken back", () => {
  const tally = new Tally(1);
  tally.tryAdd("a");
  tally.remove("a");
  tally.remove("a");
  assertEquals([tally.tryAdd("a"), tally.tryAdd("a")], [true, false]);
});
