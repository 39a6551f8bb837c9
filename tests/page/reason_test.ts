import { assertEquals } from "@std/assert";
import { ApiError } from "../../routes/page/app/state/api.ts";
import { reasonOf } from "../../routes/page/app/state/reason.ts";
import { SignedOutError } from "../../routes/page/app/state/tokens.ts";

Deno.test("reasonOf says what the server says, as a sentence", () => {
  const said = ["The title is too long", "Try later."];
  assertEquals(said.map((words) => reasonOf(new ApiError(400, "BAD_REQUEST", words))), [
    "The title is too long.",
    "Try later.",
  ]);
});

Deno.test("reasonOf says where no server has said anything, and not what a browser calls that", () => {
  const errors = [
    new TypeError("Failed to fetch"),
    new DOMException("signal timed out", "TimeoutError"),
    new SignedOutError("Nobody is signed in"),
  ];
  assertEquals(errors.map(reasonOf), [
    "The server cannot be reached.",
    "The server did not answer.",
    "Nobody is signed in any more.",
  ]);
});
