import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { faultCode, NO_SPAN, NO_TRACER, Tracing } from "../../lib/observe/tracing.ts";
import { RecordedTraces } from "../support/recorded_traces.ts";

Deno.test("Tracing does the work and nothing else until a backend attaches", async () => {
  const tracing = new Tracing();
  const work = Promise.resolve(7);
  assertStrictEquals(tracing.span("work", {}, () => work), work);
  assertStrictEquals(tracing.begin("work"), NO_SPAN);
  assertEquals([tracing.isOn, tracing.here(), tracing.ids()], [false, null, null]);
  tracing.describe({ a: 1 });
  assertEquals(NO_SPAN.within(() => 3), 3);
  assertEquals(await NO_TRACER.span("work", {}, () => Promise.resolve(4)), 4);
});

Deno.test("Tracing ends a span with its work, and nests what begins in it", async () => {
  const traces = new RecordedTraces();
  const result = await traces.tracing.span("outer", { attributes: { a: 1 } }, async (span) => {
    await traces.tracing.span("inner", {}, () => Promise.resolve());
    span.set({ b: 2 });
    return 5;
  });
  assertEquals(result, 5);
  assertEquals(traces.tree(), ["outer", "  inner"]);
  assertEquals(traces.named("outer").attributes, { a: 1, b: 2 });
  assert(traces.spans.every(({ ended }) => ended === 1));
});

Deno.test("Tracing marks a span as failed with the code of what its work threw, and throws that", async () => {
  const traces = new RecordedTraces();
  const thrown = new AppError("STORE_UNAVAILABLE", { cause: new Error("s3cret") });
  const caught = await assertRejects(() =>
    traces.tracing.span("work", {}, () => Promise.reject(thrown))
  );
  assertStrictEquals(caught, thrown);
  const { error, ended } = traces.named("work");
  assertEquals([error, ended], ["STORE_UNAVAILABLE", 1]);
});

Deno.test("faultCode tells a code or a class, never a message", () => {
  assertEquals(faultCode(new AppError("NOT_FOUND", { detail: "secret" })), "NOT_FOUND");
  assertEquals(faultCode(new TypeError("secret")), "TypeError");
  assertEquals(faultCode(new DOMException("secret", "TimeoutError")), "TimeoutError");
  assertEquals(faultCode(Object.assign(new Error("x"), { name: "a secret\nname" })), "Error");
  assertEquals(faultCode("secret"), "string");
});
