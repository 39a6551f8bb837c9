import { assertEquals } from "@std/assert";
import { withReturned } from "../../routes/page/app/state/drafts.ts";

Deno.test("withReturned gives an empty field the message, and puts it behind what is typed", () => {
  assertEquals(withReturned("", "sent"), "sent");
  assertEquals(withReturned(" \n", "sent"), "sent");
  assertEquals(withReturned("typed\n", "sent"), "typed\n\nsent");
});
