import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import {
  isSensitiveName,
  MAX_STRING_LENGTH,
  REDACTED,
  Redactor,
} from "../../lib/observe/redact.ts";

const base64url = (text: string) => btoa(text).replaceAll("=", "");
const JWT = [
  base64url('{"alg":"HS256","typ":"JWT"}'),
  base64url('{"sub":"alice","exp":1}'),
  "c2lnbmF0dXJl",
].join(".");

const redactor = new Redactor();

Deno.test("Redactor masks a JWT wherever it stands", () => {
  const texts = [
    JWT,
    `cannot verify ${JWT}: expired`,
    `bearer.${JWT}`,
    `["${JWT}"]`,
    `token=${JWT}&x=1`,
    `drawbridge.v1, bearer.${JWT}`,
    `bearer-${JWT}.`,
    `www.example.com/${JWT}`,
    `eyes.${JWT}.iv.tag.more`,
  ];
  for (const text of texts) {
    const masked = redactor.text(text);
    for (const part of JWT.split(".")) assertFalse(masked.includes(part), masked);
    assertStringIncludes(masked, REDACTED);
  }
});

Deno.test("Redactor leaves what stands before a JWT", () => {
  assertEquals(redactor.text(`eyes.on.${JWT}.more, next`), `eyes.on.${REDACTED}, next`);
});

Deno.test("Redactor masks bearer values, headers, keys and PEMs in running text", () => {
  const cases = [
    ["Bearer abc123", "abc123"],
    ["bearer  abcdefghijklmnopqrstu", "abcdefghijklmnopqrstu"],
    ["Authorization: Opaque swordfish", "swordfish"],
    ['{"authorization":"swordfish"}', "swordfish"],
    ["cookie: session=swordfish; a=b", "swordfish"],
    ["Incorrect API key provided: sk-proj-swordfish", "swordfish"],
    ["-----BEGIN PRIVATE KEY-----\nswordfish\n-----END PRIVATE KEY-----", "swordfish"],
    ["-----BEGIN PRIVATE KEY-----\nswordfish", "swordfish"],
    ["GET /ws?token=swordfish failed", "swordfish"],
    ["GET /ws?a=1&access_token=swordfish", "swordfish"],
  ];
  for (const [text, secret] of cases) {
    const masked = redactor.text(text!);
    assertFalse(masked.includes(secret!), masked);
    assertStringIncludes(masked, REDACTED);
  }
});

Deno.test("Redactor masks an address's credentials and query, and leaves the rest", () => {
  assertEquals(
    redactor.text("cannot reach https://user:pass@kv.example:4512/v1?database=1&key=2 now"),
    `cannot reach https://${REDACTED}@kv.example:4512/v1?${REDACTED} now`,
  );
  assertEquals(redactor.value(new URL("http://a@b.example/")), `http://${REDACTED}@b.example/`);
});

Deno.test("Redactor masks what JSON.parse quotes of a message", () => {
  for (
    const input of ["swordfish here", `{"text": "swordfish ${"x".repeat(99)}`, "[1, swordfish"]
  ) {
    try {
      JSON.parse(input);
    } catch (error) {
      assert(error instanceof SyntaxError);
      assertFalse(JSON.stringify(redactor.error(error)).includes("swordfish"), error.message);
    }
  }
});

Deno.test("Redactor leaves ordinary text as it is", () => {
  const texts = [
    "listening",
    "http://127.0.0.1:8000",
    "A bearer token is missing",
    "Cannot append to thread t1: the head moved 5 times",
    "keys.example.com every 10 s, eyes.open",
    "https://ew.example.company",
    "journeyman-list.example.com",
  ];
  for (const text of texts) assertEquals(redactor.text(text), text);
});

Deno.test("Redactor masks the values it was told wherever they appear", () => {
  const told = new Redactor(["hunter2-and-more", "hunter2", "", "abc"]);
  assertEquals(told.text("x=hunter2-and-more, y=hunter2"), `x=${REDACTED}, y=${REDACTED}`);
  assertEquals(told.text("abc"), "abc");
});

Deno.test("Redactor masks by property name at any depth, and keeps counts", () => {
  assertEquals(
    redactor.value({
      token: "t",
      access_token: { a: 1 },
      "X-Api-Key": ["k"],
      clientSecret: 5n,
      nested: [{ message: { id: "m1", text: "swordfish" }, parts: [] }],
      inputTokens: 12,
      token_expired: true,
      password: null,
    }),
    {
      token: REDACTED,
      access_token: REDACTED,
      "X-Api-Key": REDACTED,
      clientSecret: REDACTED,
      nested: [{ message: { id: "m1", text: REDACTED }, parts: REDACTED }],
      inputTokens: 12,
      token_expired: true,
      password: null,
    },
  );
  assertFalse(isSensitiveName("subject"));
  assertFalse(isSensitiveName("key"));
});

Deno.test("Redactor bounds depth, width and length, and survives cycles", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const bounded = JSON.stringify(redactor.value({
    cycle,
    wide: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`p${index}`, index])),
    list: Array.from({ length: 500 }, (_, index) => index),
    long: "x".repeat(1_000_000),
  }));
  assert(bounded.length < 2 * MAX_STRING_LENGTH);
  assertStringIncludes(bounded, "[480 more]");
});

Deno.test("Redactor masks a secret that the length limit would cut", () => {
  const text = "x".repeat(MAX_STRING_LENGTH - 10) + " " + JWT;
  assertFalse(redactor.text(text).includes(JWT.slice(0, 8)));
});

Deno.test("Redactor turns every kind of value into JSON data", () => {
  assertEquals(
    redactor.value({
      when: new Date(0),
      never: new Date(NaN),
      bytes: new Uint8Array(32),
      map: new Map([["token", "t"]]),
      set: new Set([1]),
      infinite: Infinity,
      big: 1n,
      run: () => 1,
      symbol: Symbol("s"),
    }),
    {
      when: "1970-01-01T00:00:00.000Z",
      never: null,
      bytes: "[32 bytes]",
      map: { token: REDACTED },
      set: [1],
      infinite: "Infinity",
      big: "1",
      run: "[function]",
      symbol: "[symbol]",
    },
  );
});

Deno.test("Redactor writes an error with its code, stack, causes and parts, all masked", () => {
  const root = new TypeError(`refused ${JWT}`);
  const error = new AggregateError([new Error("one")], "outer", { cause: root });
  const described = redactor.error(Object.assign(error, { code: "STORE_UNAVAILABLE" }));
  assertEquals(described.name, "AggregateError");
  assertEquals(described.code, "STORE_UNAVAILABLE");
  assertStringIncludes(String(described.stack), "redact_test.ts");
  const text = JSON.stringify(described);
  assertStringIncludes(text, '"message":"one"');
  assertStringIncludes(text, `"name":"TypeError","message":"refused ${REDACTED}"`);
  assertFalse(text.includes(JWT));
});

Deno.test("Redactor ends a chain of causes that has no end", () => {
  const error = new Error("loop");
  error.cause = error;
  assertEquals(JSON.stringify(redactor.error(error)).match(/"message":"loop"/g)?.length, 6);
});
