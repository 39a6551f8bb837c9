import { assertEquals } from "@std/assert";
import {
  denoIsUsedInItsPlaces,
  honoIsNotAugmented,
  modulesAreShort,
  nothingWritesToTheConsole,
} from "./source_rules.ts";

const guarded: readonly (readonly [place: string, source: string])[] = [
  ["main.ts", "Deno.env.toObject();"],
  ["lib/bootstrap.ts", "await Deno.openKv(path);"],
  ["lib/bootstrap/store.ts", "await Deno.openKv(path);"],
  ["routes/chat.ts", "Deno.upgradeWebSocket(request);"],
];
for (const [place, source] of guarded) {
  Deno.test(`denoIsUsedInItsPlaces allows ${source} in ${place} and nowhere else`, () => {
    assertEquals(denoIsUsedInItsPlaces(place, source), []);
    assertEquals(denoIsUsedInItsPlaces("routes/app.ts", source).length, 1);
  });
}

Deno.test("denoIsUsedInItsPlaces names the line and the member", () => {
  assertEquals(denoIsUsedInItsPlaces("lib/a.ts", "\nconst kv = Deno\n  .openKv();"), [
    "lib/a.ts:2 uses Deno.openKv, which is not its place",
  ]);
});

const detours = [
  "const { env } = Deno;",
  'Deno["env"].get("A");',
  "const runtime = Deno;",
  "globalThis.Deno.env.get('A');",
  "Deno?.env.get('A');",
  "process.env.A;",
  "await import(name);",
];
for (const source of detours) {
  Deno.test(`denoIsUsedInItsPlaces refuses the detour ${source}`, () => {
    assertEquals(denoIsUsedInItsPlaces("lib/a.ts", source).length, 1);
  });
}

Deno.test("denoIsUsedInItsPlaces allows unguarded members, words in text and others' members", () => {
  const source =
    '// Deno.env\nDeno.memoryUsage(); "Deno.openKv"; await import("./b.ts"); x.Deno.env;';
  assertEquals(denoIsUsedInItsPlaces("lib/a.ts", source), []);
});

for (const path of ["lib/chat/session.ts", "lib/client/mod.ts", "lib/errors.ts"]) {
  Deno.test(`denoIsUsedInItsPlaces refuses any use of Deno in ${path}`, () => {
    assertEquals(denoIsUsedInItsPlaces(path, "Deno.memoryUsage();"), [`${path}:1 uses Deno`]);
  });
}

Deno.test("honoIsNotAugmented refuses the module and the interface", () => {
  assertEquals(honoIsNotAugmented("a.ts", 'declare module "hono" {}').length, 1);
  assertEquals(honoIsNotAugmented("a.ts", "interface ContextVariableMap { a: 1 }").length, 1);
  assertEquals(honoIsNotAugmented("a.ts", 'declare module "ho" {} // ContextVariableMap'), []);
});

Deno.test("nothingWritesToTheConsole refuses the console, not its name in text or as a member", () => {
  assertEquals(nothingWritesToTheConsole("a.ts", "console.log(1);").length, 1);
  assertEquals(nothingWritesToTheConsole("a.ts", "x.console(); // console"), []);
  assertEquals(nothingWritesToTheConsole("a.ts", "const a = { b, console: 1 };"), []);
  assertEquals(nothingWritesToTheConsole("a.ts", "const a = [b, console];").length, 1);
  assertEquals(nothingWritesToTheConsole("lib/observe/log_console.ts", "console.log(1);"), []);
});

Deno.test("modulesAreShort refuses 251 lines in lib/ and routes/, and allows 250", () => {
  assertEquals(modulesAreShort("lib/a.ts", "x;\n".repeat(250)), []);
  assertEquals(modulesAreShort("lib/a.ts", "x;\n".repeat(251)).length, 1);
  assertEquals(modulesAreShort("routes/a.ts", "x;\n".repeat(251)).length, 1);
  assertEquals(modulesAreShort("tests/a.ts", "x;\n".repeat(251)), []);
});
