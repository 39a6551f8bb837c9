import { assertEquals, assertMatch } from "@std/assert";
import { findProgram, needs } from "./permissions.ts";

const noPermissions = "none" as const;

Deno.test({
  name: "needs names the missing permission and ignores the test",
  permissions: noPermissions,
  fn() {
    assertEquals(needs("net")("the server answers"), {
      name: "the server answers [ignored: needs permission net]",
      ignore: true,
    });
  },
});

Deno.test({
  name: "needs names all that is missing",
  permissions: noPermissions,
  fn() {
    const { name, ignore } = needs("net", { program: "denokv" })("two instances see one log");
    assertMatch(name, /needs permission net, permissions read, env, run to start denokv\]$/);
    assertEquals(ignore, true);
  },
});

Deno.test("needs leaves a test alone that needs nothing", () => {
  assertEquals(needs()("the parser refuses"), { name: "the parser refuses", ignore: false });
});

Deno.test({
  ...needs("read", "env", "run")("needs names a program that is not installed"),
  fn() {
    const program = "no-such-program-on-any-machine";
    assertEquals(needs({ program })("x"), {
      name: `x [ignored: needs the program ${program}]`,
      ignore: true,
    });
  },
});

Deno.test({
  ...needs("read", "env", "run")(
    "findProgram finds an absolute path behind a name that is missing",
  ),
  fn() {
    const path = Deno.execPath();
    assertEquals(findProgram({ program: "no-such-program", aliases: [path] }), path);
  },
});
