import { assertAlmostEquals, assertEquals } from "@std/assert";
import { measure, parseLcov, percent } from "./coverage_gate.ts";

const ROOT = new URL("file:///project/");

const REPORT = `SF:/project/lib/a.ts
FN:1,open
DA:1,2
DA:2,0
LH:1
LF:2
end_of_record
SF:/elsewhere/lib/b.ts
DA:1,1
end_of_record
SF:/project/lib/a.ts
DA:1,0
DA:2,3
DA:4,0
end_of_record
`;

Deno.test("parseLcov adds up the records of a module and leaves out modules elsewhere", () => {
  assertEquals(
    parseLcov(REPORT, ROOT),
    new Map([["lib/a.ts", new Map([[1, 2], [2, 3], [4, 0]])]]),
  );
});

Deno.test("measure counts the lines that ran", () => {
  const files = measure(parseLcov(REPORT, ROOT), new Map([["lib/a.ts", ""]]));
  assertEquals(files, [{ path: "lib/a.ts", lines: 3, hit: 2 }]);
  assertAlmostEquals(percent(files), 66.67, 0.01);
});

Deno.test("measure counts a module that no test loads as not covered", () => {
  const source =
    "// A comment.\nimport { b } from './b.ts';\n\nexport function a(): number {\n  return b;\n}\n";
  assertEquals(measure(new Map(), new Map([["lib/a.ts", source]])), [
    { path: "lib/a.ts", lines: 4, hit: 0 },
  ]);
});

const typesOnly = [
  "/** A port. */\nexport interface Store {\n  get(): Promise<string>;\n}\n",
  'import type { A } from "./a.ts";\nexport type B =\n  | A\n  | null;\n',
  'export { a } from "./a.ts";\nexport * from "./b.ts";\nexport type { C } from "./c.ts";\n',
];
for (const source of typesOnly) {
  Deno.test(`measure asks nothing of a module without code: ${JSON.stringify(source)}`, () => {
    assertEquals(measure(new Map(), new Map([["lib/a.ts", source]]))[0]?.lines, 0);
  });
}

Deno.test("percent of nothing is 100", () => {
  assertEquals(percent([{ path: "lib/a.ts", lines: 0, hit: 0 }]), 100);
});
