import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { runTool, toolErrorText } from "../../lib/agents/tool_runner.ts";
import { currentTime, zonedTime } from "../../lib/agents/tools/current_time.ts";
import {
  type SearchHit,
  searchThreads,
  type ThreadQuery,
} from "../../lib/agents/tools/search_threads.ts";
import { ToolError } from "../../lib/agents/tools/tool_error.ts";

const context = {
  subject: "alice",
  threadId: "thread-1",
  replyToSeq: 5,
  signal: new AbortController().signal,
};

Deno.test("currentTime tells the time in UTC where no zone is named", async () => {
  using _time = new FakeTime("2026-03-01T13:05:09.123Z");
  assertEquals(await currentTime.execute({}, context), {
    zone: "UTC",
    time: "2026-03-01T13:05:09+00:00",
    weekday: "Sunday",
  });
});

Deno.test("zonedTime follows the zone's date, offset and daylight saving time", () => {
  const summer = new Date("2026-07-01T22:30:00Z");
  const winter = new Date("2026-01-01T00:00:00Z");
  assertEquals(zonedTime(summer, "Europe/Berlin").time, "2026-07-02T00:30:00+02:00");
  assertEquals(zonedTime(winter, "Europe/Berlin").time, "2026-01-01T01:00:00+01:00");
  assertEquals(zonedTime(summer, "Asia/Kathmandu").time, "2026-07-02T04:15:00+05:45");
  assertEquals(zonedTime(winter, "America/New_York").time, "2025-12-31T19:00:00-05:00");
});

Deno.test("zonedTime refuses a zone that does not exist in words for the model", () => {
  for (const zone of ["Mars/Olympus", "", "../etc"]) {
    const error = assertThrows(() => zonedTime(new Date(), zone), ToolError);
    assertStringIncludes(error.message, `There is no time zone ${JSON.stringify(zone)}`);
  }
});

function hit(overrides: Partial<SearchHit> = {}): SearchHit {
  return {
    threadId: "thread-1",
    title: "Trip",
    seq: 3,
    excerpt: "the castle",
    createdAt: "2026-01-01T00:00:00.000Z",
    ...overrides,
  };
}

Deno.test("searchThreads searches the caller's threads, whoever the input names", async () => {
  const queries: ThreadQuery[] = [];
  const tool = searchThreads({
    search: (query) => {
      queries.push(query);
      return Promise.resolve([hit()]);
    },
  });
  const input = tool.inputSchema.parse({ words: " castle ", subject: "bob" });
  assertEquals(await tool.execute(input, context), { hits: [hit()] });
  assertEquals(queries, [
    {
      subject: "alice",
      words: "castle",
      limit: 5,
      before: { threadId: "thread-1", seq: 5 },
      signal: context.signal,
    },
  ]);
});

Deno.test("searchThreads bounds what it hands to the model", async () => {
  const hits = Array.from({ length: 3 }, () => hit({ excerpt: "x".repeat(1_000) }));
  const tool = searchThreads({ search: () => Promise.resolve(hits) });
  const result = await tool.execute({ words: "x", limit: 2 }, context);
  assertEquals(result, { hits: [0, 1].map(() => hit({ excerpt: "x".repeat(400) })) });
});

Deno.test("searchThreads refuses blank words and limits out of bounds", () => {
  const { inputSchema } = searchThreads({ search: () => Promise.resolve([]) });
  for (const input of [{}, { words: "  " }, { words: "x".repeat(201) }]) {
    assertEquals(inputSchema.safeParse(input).success, false);
  }
  for (const limit of [0, 11, 1.5]) {
    assertEquals(inputSchema.safeParse({ words: "x", limit }).success, false);
  }
});

Deno.test("runTool gives a tool ten seconds and aborts its signal then", async () => {
  using time = new FakeTime();
  let reason: unknown;
  const running = runTool(
    {
      ...currentTime,
      execute: (_, { signal }) => {
        signal.addEventListener("abort", () => reason = signal.reason);
        return new Promise(() => {});
      },
    },
    {},
    context,
  );
  const refused = assertRejects(() => running, ToolError, "did not answer in time");
  await time.tickAsync(9_999);
  assertEquals(reason, undefined);
  await time.tickAsync(1);
  await refused;
  assertEquals(reason instanceof ToolError, true);
});

Deno.test("runTool passes a ToolError on, and keeps any other error to itself", async () => {
  const throwing = (error: unknown) => ({ ...currentTime, execute: () => Promise.reject(error) });
  const told = new ToolError("no such zone");
  assertEquals(await runTool(throwing(told), {}, context).catch((error) => error), told);
  const secret = new Error("secret");
  const hidden = await assertRejects(() => runTool(throwing(secret), {}, context), ToolError);
  assertEquals([hidden.message, hidden.cause], ["The tool failed.", secret]);
});

Deno.test("runTool ends with the run's own reason when the run is cancelled", async () => {
  const run = new AbortController();
  const running = runTool(
    { ...currentTime, execute: () => new Promise(() => {}) },
    {},
    { ...context, signal: run.signal },
  );
  run.abort("cancelled");
  assertEquals(await running.catch((error) => error), "cancelled");
});

Deno.test("toolErrorText tells a failed tool from a call that was not valid, and no more", () => {
  assertEquals(toolErrorText(new ToolError("zone x")), "The tool failed.");
  assertEquals(toolErrorText(new Error("stack")), "The tool call is not valid.");
});
