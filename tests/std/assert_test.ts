import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unreachable,
} from "@std/assert";

class Point {
  constructor(readonly x: number, readonly y: number) {}
}

function cycle(name: string): { name: string; self?: unknown } {
  const value: { name: string; self?: unknown } = { name };
  value.self = value;
  return value;
}

const symbol = Symbol("tag");
const same: readonly (readonly [what: string, a: unknown, b: unknown])[] = [
  ["NaN", NaN, NaN],
  ["0 and -0", 0, -0],
  ["nested objects in any order", { a: [1, { b: 2 }], c: null }, { c: null, a: [1, { b: 2 }] }],
  ["an object without prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["instances of one class", new Point(1, 2), new Point(1, 2)],
  ["dates", new Date(5), new Date(5)],
  ["invalid dates", new Date(NaN), new Date(NaN)],
  ["expressions", /a/g, /a/g],
  ["addresses", new URL("http://a/"), new URL("http://a")],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["buffers", new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
  ["maps in any order", new Map([[1, "a"], [2, "b"]]), new Map([[2, "b"], [1, "a"]])],
  ["maps with object keys", new Map([[{ k: 1 }, [1]]]), new Map([[{ k: 1 }, [1]]])],
  ["sets of objects in any order", new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 2 }, { a: 1 }])],
  ["symbol keys", { [symbol]: 1 }, { [symbol]: 1 }],
  ["cycles", cycle("a"), cycle("a")],
  ["errors", new TypeError("a"), new TypeError("a")],
];
for (const [what, a, b] of same) {
  Deno.test(`equal finds ${what} equal`, () => assert(equal(a, b)));
}

const different: readonly (readonly [what: string, a: unknown, b: unknown])[] = [
  ["a missing and an undefined property", { a: undefined }, {}],
  ["undefined under another name", { a: undefined }, { b: undefined }],
  ["a number and its text", 1, "1"],
  ["null and an object", null, {}],
  ["an array and an object", [], {}],
  ["a class and a plain object", new Point(1, 2), { x: 1, y: 2 }],
  ["arrays of two lengths", [1], [1, 2]],
  ["a hole and undefined in sets of one size", new Set([1, undefined]), new Set([1, 2])],
  ["dates", new Date(5), new Date(6)],
  ["expressions", /a/g, /a/i],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["bytes of two kinds", new Uint8Array([1]), new Int8Array([1])],
  ["maps", new Map([[1, { a: 1 }]]), new Map([[1, { a: 2 }]])],
  [
    "sets where one member stands for two",
    new Set([{ a: 1 }, { a: 2 }]),
    new Set([{ a: 1 }, { a: 3 }]),
  ],
  [
    "sets where one member is like two",
    new Set([{ a: 1 }, { a: 1 }]),
    new Set([{ a: 1 }, { a: 2 }]),
  ],
  ["cycles", cycle("a"), cycle("b")],
  ["errors", new TypeError("a"), new TypeError("b")],
  ["functions", () => 1, () => 1],
];
for (const [what, a, b] of different) {
  Deno.test(`equal tells apart ${what}`, () => assertFalse(equal(a, b)));
}

Deno.test("equal refuses to look into a WeakMap", () => {
  assertThrows(() => equal(new WeakMap(), new WeakMap()), TypeError, "WeakMap");
});

Deno.test("assertEquals shows what differs, line by line", () => {
  const error = assertThrows(
    () => assertEquals({ a: 1, b: [1, 2], c: 3 }, { a: 1, b: [1, 5], c: 3 }, "the answer"),
    AssertionError,
    "Values are not equal: the answer",
  );
  const marked = error.message.split("\n").filter((line) => /^[-+] /.test(line));
  assertEquals(marked.map((line) => line.replace(/\s+/, " ")), ["- 2,", "+ 5,"]);
});

Deno.test("assertEquals shows a text that differs beyond any common part", () => {
  assertThrows(() => assertEquals("a", "b"), AssertionError, '-   "a"\n+   "b"');
});

const passing: readonly (readonly [name: string, holds: () => unknown, fails: () => unknown])[] = [
  ["assert", () => assert(1), () => assert("")],
  ["assertFalse", () => assertFalse(0), () => assertFalse("a")],
  ["assertExists", () => assertExists(0), () => assertExists(null)],
  ["assertNotEquals", () => assertNotEquals([1], [2]), () => assertNotEquals([1], [1])],
  ["assertStrictEquals", () => assertStrictEquals(NaN, NaN), () => assertStrictEquals([1], [1])],
  ["assertStrictEquals of values", () => assertStrictEquals(1, 1), () => assertStrictEquals(1, 2)],
  ["assertNotStrictEquals", () => assertNotStrictEquals([], []), () => assertNotStrictEquals(1, 1)],
  [
    "assertAlmostEquals",
    () => assertAlmostEquals(0.1 + 0.2, 0.3),
    () => assertAlmostEquals(1, 1.1),
  ],
  [
    "assertAlmostEquals within",
    () => assertAlmostEquals(1, 1.1, 0.2),
    () => assertAlmostEquals(NaN, 1, 5),
  ],
  [
    "assertArrayIncludes",
    () => assertArrayIncludes([{ a: 1 }, 2], [{ a: 1 }]),
    () => assertArrayIncludes([1, 2], [3]),
  ],
  ["assertMatch", () => assertMatch("abc", /b/), () => assertMatch("abc", /d/)],
  ["assertNotMatch", () => assertNotMatch("abc", /d/), () => assertNotMatch("abc", /b/)],
  [
    "assertStringIncludes",
    () => assertStringIncludes("abc", "bc"),
    () => assertStringIncludes("abc", "d"),
  ],
  ["assertInstanceOf", () => assertInstanceOf([], Array), () => assertInstanceOf({}, Array)],
  [
    "assertInstanceOf of null",
    () => assertInstanceOf([], Object),
    () => assertInstanceOf(null, Map),
  ],
  ["assertGreater", () => assertGreater(2, 1), () => assertGreater(1, 1)],
  ["assertGreaterOrEqual", () => assertGreaterOrEqual(1, 1), () => assertGreaterOrEqual(0, 1)],
  ["assertLess", () => assertLess(1, 2), () => assertLess(1, 1)],
  ["assertLessOrEqual", () => assertLessOrEqual(1, 1), () => assertLessOrEqual(2, 1)],
  ["fail", () => undefined, () => fail("always")],
  ["unreachable", () => undefined, () => unreachable()],
  [
    "assertObjectMatch",
    () => assertObjectMatch({ a: { b: [1, { c: 2, d: 3 }], e: 4 } }, { a: { b: [1, { c: 2 }] } }),
    () => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }),
  ],
  [
    "assertObjectMatch of a missing property",
    () => assertObjectMatch(new Point(1, 2), { x: 1 }),
    () => assertObjectMatch({ a: 1 }, { a: 1, b: undefined }),
  ],
  [
    "assertObjectMatch of arrays",
    () => assertObjectMatch({ a: [1, 2] }, { a: [1, 2] }),
    () => assertObjectMatch({ a: [1] }, { a: [1, 2] }),
  ],
];
for (const [name, holds, fails] of passing) {
  Deno.test(`${name} returns where it holds and throws where not`, () => {
    holds();
    assertThrows(fails, AssertionError);
  });
}

Deno.test("assertMatch does not move a global expression", () => {
  const expression = /a/g;
  assertMatch("a", expression);
  assertMatch("a", expression);
});

Deno.test("assertThrows returns the error and checks class and message", () => {
  const error = new RangeError("too far");
  const thrower = (): never => {
    throw error;
  };
  assertStrictEquals(assertThrows(thrower, RangeError, "far"), error);
  assertThrows(() => assertThrows(thrower, TypeError), AssertionError, 'instance of "TypeError"');
  assertThrows(() => assertThrows(thrower, RangeError, "near"), AssertionError, '"too far"');
  assertThrows(() => assertThrows(() => {}), AssertionError, "Expected function to throw");
});

Deno.test("assertThrows returns any value where no class is asked for", () => {
  const thrower = (): never => {
    // deno-lint-ignore no-throw-literal -- the case under test
    throw "text";
  };
  assertEquals(assertThrows(thrower), "text");
  assertThrows(() => assertThrows(thrower, Error), AssertionError, "non-Error");
});

Deno.test("assertRejects returns the reason and checks class and message", async () => {
  const error = new RangeError("too far");
  const rejects = (): Promise<never> => Promise.reject(error);
  assertStrictEquals(await assertRejects(rejects, RangeError, "far"), error);
  await assertRejects(() => assertRejects(rejects, TypeError), AssertionError, "TypeError");
  await assertRejects(
    () => assertRejects(() => Promise.resolve()),
    AssertionError,
    "Expected function to reject",
  );
});

Deno.test("assertRejects refuses a function that throws before it returns a promise", async () => {
  const throws = (): Promise<void> => {
    throw new Error("at once");
  };
  await assertRejects(
    () => assertRejects(throws),
    AssertionError,
    "throws when expected to reject",
  );
});
