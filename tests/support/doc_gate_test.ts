import { assertEquals, assertThrows } from "@std/assert";
import { type Diagnostic, matters, parseDiagnostics } from "./doc_gate.ts";

const OUTPUT = `error[private-type-ref]: public type 'a' references private type 'B'
  --> /project/lib/a.ts:41:1
   | 
41 | export function a(): B {
   | ^
   = hint: make the referenced type public or remove the reference
   | 
 3 | interface B {
   | - this is the referenced type
   | 


error[missing-jsdoc]: exported symbol is missing JSDoc documentation
  --> /project/lib/a.ts:9:12
  | 
9 |   readonly threads: Thread[];
  |            ^


error: Found 2 documentation lint errors.
`;

function diagnostic(rule: string, code: string, message = ""): Diagnostic {
  return { rule, code, message, path: "/project/lib/a.ts", line: 1 };
}

Deno.test("parseDiagnostics reads rule, place and code of each complaint", () => {
  const found = parseDiagnostics(OUTPUT);
  assertEquals(found.map(({ rule, path, line, code }) => [rule, path, line, code]), [
    ["private-type-ref", "/project/lib/a.ts", 41, "export function a(): B {"],
    ["missing-jsdoc", "/project/lib/a.ts", 9, "  readonly threads: Thread[];"],
  ]);
});

Deno.test("parseDiagnostics finds nothing in a clean run", () => {
  assertEquals(parseDiagnostics("Checked 3 files\n"), []);
});

Deno.test("parseDiagnostics refuses a run that did not finish", () => {
  assertThrows(() => parseDiagnostics("error: Module not found"), Error, "did not finish");
});

Deno.test("parseDiagnostics refuses output that it understands in part only", () => {
  const partly = OUTPUT.replace("-->", "at");
  assertThrows(() => parseDiagnostics(partly), Error, "1 of 2 complaints understood");
});

for (
  const code of ["export function open(): void {", "  close(): void {", "  static of<T>(x: T): T {"]
) {
  Deno.test(`matters holds for an undocumented ${code.trim()}`, () => {
    assertEquals(matters(diagnostic("missing-jsdoc", code), ""), true);
  });
}

Deno.test("matters lets a field speak for itself, and a schema be its own type", () => {
  assertEquals(matters(diagnostic("missing-jsdoc", "  readonly threads: Thread[];"), ""), false);
  assertEquals(
    matters(diagnostic("missing-explicit-type", "export const a = z.string();"), ""),
    false,
  );
});

Deno.test("matters holds for a private type of the module's own, not for a package's", () => {
  const complaint = diagnostic(
    "private-type-ref",
    "",
    "public type 'a' references private type 'B'",
  );
  assertEquals(matters(complaint, "\ninterface B {\n"), true);
  assertEquals(matters(complaint, 'import type { B } from "zod";\n'), false);
});

Deno.test("matters holds for a return without a type", () => {
  assertEquals(matters(diagnostic("missing-return-type", "export function a() {"), ""), true);
});
