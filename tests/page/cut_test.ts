import { assertEquals } from "@std/assert";
import { cut } from "../../routes/page/app/state/cut.ts";

Deno.test("cut gives the beginning of a text, and all of a short one", () => {
  assertEquals([cut("abcdef", 3), cut("abc", 3), cut("ab", 3), cut("", 3)], [
    "abc",
    "abc",
    "ab",
    "",
  ]);
});

Deno.test("cut leaves no half of an emoji", () => {
  assertEquals([cut("ab🏰cd", 3), cut("ab🏰cd", 4), cut("🏰", 1)], ["ab", "ab🏰", ""]);
  assertEquals(cut("ab🏰cd", 3).isWellFormed(), true);
});
