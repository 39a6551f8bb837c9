import { assert, assertEquals } from "@std/assert";
import { SentenceAnnouncer } from "../../routes/page/app/state/announcer.ts";
import { bridgeShare, phaseLines } from "../../routes/page/app/state/phases.ts";
import { duration, relativeTime } from "../../routes/page/app/state/relative_time.ts";
import { Stickiness } from "../../routes/page/app/state/stickiness.ts";
import { readSignIn } from "../../routes/page/app/settings.ts";

Deno.test("SentenceAnnouncer gives whole sentences, each once, without marks", () => {
  const announcer = new SentenceAnnouncer();
  assertEquals(announcer.next("The **gate"), null);
  assertEquals(announcer.next("The **gate** is open. Come"), "The gate is open.");
  assertEquals(announcer.next("The **gate** is open. Come"), null);
  assertEquals(
    announcer.next("The **gate** is open. Come [in](https://example.com)!\n\n- `one`\n"),
    "Come in! one",
  );
});

Deno.test("SentenceAnnouncer does not take a dot inside a word for an end", () => {
  assertEquals(new SentenceAnnouncer().next("See example.com for"), null);
});

Deno.test("SentenceAnnouncer reads out no whole book", () => {
  const announcer = new SentenceAnnouncer();
  const book = "This is a sentence. ".repeat(200);
  const said = announcer.next(book);
  assert(said !== null && said.length < 700 && said.endsWith("The answer goes on."), said ?? "");
  assertEquals(announcer.next(`${book}More. `), null);
});

Deno.test("SentenceAnnouncer reads out no more of a sentence without end", () => {
  const said = new SentenceAnnouncer().next(`${"[".repeat(300_000)}\n`);
  assert(said !== null && said.length < 700);
});

Deno.test("Stickiness follows growth, and lets go of who scrolls up", () => {
  const stickiness = new Stickiness();
  const at = (scrollTop: number, scrollHeight = 1_000) =>
    stickiness.scrolled({ scrollTop, scrollHeight, clientHeight: 400 });
  at(600);
  assertEquals(stickiness.isFollowing, true);
  // The end moves away without anybody scrolling.
  at(600, 1_400);
  assertEquals(stickiness.isFollowing, true);
  assertEquals(at(500, 1_400), true);
  assertEquals(stickiness.isFollowing, false);
  // Down, but not to the end.
  at(700, 1_400);
  assertEquals(stickiness.isFollowing, false);
  at(990, 1_400);
  assertEquals(stickiness.isFollowing, true);
});

Deno.test("Stickiness follows again when its reader asks for it", () => {
  const stickiness = new Stickiness();
  stickiness.scrolled({ scrollTop: 500, scrollHeight: 2_000, clientHeight: 400 });
  stickiness.scrolled({ scrollTop: 300, scrollHeight: 2_000, clientHeight: 400 });
  assertEquals(stickiness.isFollowing, false);
  stickiness.follow();
  assertEquals(stickiness.isFollowing, true);
});

Deno.test("relativeTime says how long ago, and now of what is still to come", () => {
  const now = Date.parse("2026-03-10T12:00:00.000Z");
  const ago = (ms: number) => relativeTime(new Date(now - ms).toISOString(), now);
  assertEquals(
    [0, 59_000, 60_000, 59 * 60_000, 3_600_000, 86_400_000, 8 * 86_400_000, -60_000].map(ago),
    ["just now", "just now", "1 min", "59 min", "1 h", "1 d", "2026-03-02", "just now"],
  );
  assertEquals(relativeTime("no time", now), "just now");
});

Deno.test("duration has one digit as long as that says something", () => {
  assertEquals([0, 449, 9_949, 12_400, 59_700, 125_000].map(duration), [
    "0.0 s",
    "0.4 s",
    "9.9 s",
    "12 s",
    "1 min 0 s",
    "2 min 5 s",
  ]);
});

Deno.test("phaseLines lets the time of what runs go on, and of nothing else", () => {
  const phase = (name: string, status: string, durationMs: number | null, critical = true) => ({
    name,
    status,
    durationMs,
    critical,
    attempts: 1,
  });
  const phases = [
    phase("keys", "ok", 10),
    phase("store", "running", 500),
    phase("threads", "pending", null),
    phase("model", "failed", 20, false),
    phase("other", "new word", null),
  ];
  assertEquals(phaseLines(phases, 1_000).map(({ status, durationMs }) => [status, durationMs]), [
    ["done", 10],
    ["running", 1_500],
    ["waiting", null],
    ["failed", 20],
    ["waiting", null],
  ]);
  assertEquals(bridgeShare(phases), 1 / 4);
  assertEquals(bridgeShare([]), 0);
});

Deno.test("readSignIn takes what is incomplete for a page that signs in nobody", () => {
  const read = (metas: Record<string, string>) => readSignIn((name) => metas[name] ?? null);
  assertEquals(read({ "drawbridge:sign-in": "dev" }), { kind: "dev" });
  assertEquals(read({ "drawbridge:sign-in": "token", "drawbridge:token-url": "/session" }), {
    kind: "token",
    url: "/session",
  });
  assertEquals(read({ "drawbridge:sign-in": "token" }), { kind: "embed", origins: [] });
  assertEquals(
    read({
      "drawbridge:sign-in": "embed",
      "drawbridge:embed-origins": " https://a.example https://b.example ",
    }),
    { kind: "embed", origins: ["https://a.example", "https://b.example"] },
  );
  assertEquals(read({}), { kind: "embed", origins: [] });
});
