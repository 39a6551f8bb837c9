import { assertEquals } from "@std/assert";
import { readyIsMintedInOnePlace, readyIsNeverCast, typesThatHoldReady } from "./ready_rules.ts";

const casts = [
  "open(x as Ready<Services>);",
  "open(x as unknown as Ready);",
  "const r = x as Promise<Ready<Services>>;",
  "const f = x as () => Ready;",
  "const o = x as { ready: Ready };",
  "const r = x as | null | Ready;",
  "const r = <Ready<Services>> x;",
  "return <Ready>x;",
  "open(x as any);",
  "open({} as never);",
  'import { Ready as R } from "./barrier.ts";',
];
for (const source of casts) {
  Deno.test(`readyIsNeverCast refuses ${source}`, () => {
    assertEquals(readyIsNeverCast("a.ts", source).length, 1);
  });
}

const harmless = [
  'import type { Ready } from "./barrier.ts";',
  "function open(ready: Ready<Services>): void {}",
  "const r: Map<string, Ready<Services>> = new Map();",
  "const x = y as Request;\nconst r: Ready = z;",
  "call(x as Request, ready as const);",
  'import * as barrier from "./barrier.ts"; // as Ready',
  "const name = text as string; type T = Ready;",
  "if (x.as < Ready) stop();",
  "return x as { [K in keyof T]: T[K] extends S ? T[K] : never };",
];
for (const source of harmless) {
  Deno.test(`readyIsNeverCast allows ${source.replaceAll("\n", " ")}`, () => {
    assertEquals(readyIsNeverCast("a.ts", source), []);
  });
}

Deno.test("typesThatHoldReady finds unions, members and what is made of them, across modules", () => {
  const sources = [
    "export type Verdict = { kind: 'failed'; } | { kind: 'ready'; ready: Ready<S>; };",
    "export interface Env { Variables: { verdict: Verdict } }\ninterface Other { a: number }",
    "type Loose = Other;",
  ];
  assertEquals(typesThatHoldReady(sources), new Set(["Ready", "Verdict", "Env"]));
});

Deno.test("readyIsNeverCast refuses a cast to a type that holds a Ready", () => {
  const holding = new Set(["Ready", "Verdict"]);
  assertEquals(readyIsNeverCast("a.ts", "const v = x as Verdict;", holding), [
    "a.ts:1 casts to Verdict",
  ]);
});

const minted =
  "class Ready<S> { readonly #services: S; constructor(s: S) { this.#services = s; } }";

Deno.test("readyIsMintedInOnePlace allows a private class whose type is exported", () => {
  assertEquals(readyIsMintedInOnePlace("a.ts", `${minted} export type { Ready };`), []);
  assertEquals(readyIsMintedInOnePlace("a.ts", `${minted} export { type Ready, Barrier };`), []);
});

const leaks = [
  `export ${minted}`,
  `export default ${minted}`,
  `${minted} export { Ready };`,
  `${minted} export { Barrier, Ready as Open };`,
  `${minted} export default Ready;`,
  `${minted} export const Open = Ready;`,
  "class Ready { services = 1; }",
  "const r = new Ready(services);",
];
for (const source of leaks) {
  Deno.test(`readyIsMintedInOnePlace refuses ${source}`, () => {
    assertEquals(readyIsMintedInOnePlace("a.ts", source).length, 1);
  });
}
