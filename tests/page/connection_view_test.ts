import { assert, assertEquals } from "@std/assert";
import { type ClientState, DrawbridgeError } from "../../lib/client/mod.ts";
import { ERRORS } from "../../lib/errors.ts";
import { ApiError } from "../../routes/page/app/state/api.ts";
import { connectionView } from "../../routes/page/app/state/connection_view.ts";
import {
  diagnose,
  type Diagnosis,
  type DiagnosisParts,
  lostServices,
} from "../../routes/page/app/state/diagnosis.ts";
import { SignedOutError } from "../../routes/page/app/state/tokens.ts";

type Reconnecting = Extract<ClientState, { kind: "reconnecting" }>;

function reconnecting(more: Partial<Reconnecting> = {}): Reconnecting {
  const end = { code: 1006, wasOpen: true };
  return { kind: "reconnecting", attempt: 1, delayMs: 0, error: null, end, ...more };
}

const REFUSED = { code: 1006, wasOpen: false };
const session = {
  sessionId: "s",
  subject: "ada",
  expiresAt: "2026-01-01T00:00:00.000Z",
  waitedMs: 0,
  degraded: [],
  limits: { frameBytes: 1, messageBytes: 1, framesPerSecond: 1 },
};
const ready: ClientState = { kind: "ready", session };

Deno.test("nothing is said where all is well, or nothing was tried", () => {
  assertEquals(connectionView({ kind: "idle" }, null), null);
  assertEquals(connectionView(ready, null), null);
  assertEquals(connectionView({ kind: "closed", error: null }, null), null);
});

Deno.test("each code of the registry has its words, in every way that it can arrive", () => {
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const error = new DrawbridgeError(code, "x");
    for (
      const view of [
        connectionView(reconnecting({ error }), null),
        connectionView(reconnecting({ end: REFUSED }), { kind: "refused", code }),
        connectionView({ kind: "closed", error }, null),
      ]
    ) {
      assert(view !== null && view.title !== "" && view.detail.endsWith("."), code);
      if (view.tone === "stop") assert(view.action !== null, `${code} stops without a next step`);
    }
  }
});

Deno.test("a connection that was lost, drained or too slow is reconnecting, calmly", () => {
  for (const code of [1006, 1012, 1013, 1001]) {
    const view = connectionView(reconnecting({ end: { code, wasOpen: true } }), null);
    assertEquals([view?.title, view?.tone], ["Reconnecting", "calm"], `${code}`);
  }
  const words = (code: number) =>
    connectionView(reconnecting({ end: { code, wasOpen: true } }), null)?.detail;
  assertEquals(new Set([1006, 1012, 1013].map(words)).size, 3);
});

Deno.test("a page that floods or whose token has ended is told so by its close code", () => {
  const title = (code: number) =>
    connectionView(reconnecting({ end: { code, wasOpen: true } }), null)?.title;
  assertEquals([title(4429), title(4401)], ["Slow down a little", "Renewing your session"]);
});

Deno.test("a handshake that was refused without a word is told by what HTTP says", () => {
  const words = (diagnosis: Diagnosis | null) =>
    connectionView(reconnecting({ end: REFUSED }), diagnosis)?.title;
  assertEquals(words(null), "Reconnecting");
  assertEquals(words({ kind: "offline" }), "You are offline");
  assertEquals(words({ kind: "starting", phases: [] }), "Starting");
  assertEquals(words({ kind: "refused", code: "UNAUTHENTICATED" }), "Not signed in");
  assertEquals(words({ kind: "refused", code: "ADMISSION_FULL" }), "The server is full");
  assertEquals(words({ kind: "socket-refused" }), "The live connection is refused");
});

Deno.test("without a token for a try, an unreachable server is not taken for a sign-out", () => {
  const error = new DrawbridgeError("UNAUTHENTICATED", "Cannot get a token", { retryable: true });
  const words = (diagnosis: Diagnosis | null) =>
    connectionView(reconnecting({ error, end: null }), diagnosis);
  assertEquals(words({ kind: "unreachable" })?.title, "Reconnecting");
  assertEquals(words({ kind: "socket-refused" })?.title, "No session to be had");
  assertEquals(words(null)?.tone, "calm");
});

Deno.test("a session that has ended asks for another, a client at odds with its server for a reload", () => {
  const action = (code: DrawbridgeError["code"]) =>
    connectionView({ kind: "closed", error: new DrawbridgeError(code, "x") }, null)?.action;
  assertEquals([action("TOKEN_EXPIRED"), action("UNAUTHENTICATED"), action("INVALID_FRAME")], [
    "sign-in",
    "sign-in",
    "reload",
  ]);
});

Deno.test("what is lost is named by what it means", () => {
  const title = (...lost: string[]) => connectionView(ready, null, lost)?.title;
  assertEquals(title("model"), "The model is out of reach");
  assertEquals(title("model", "store"), "Messages cannot be stored");
  assert(connectionView(ready, null, ["tracing"])?.detail.includes("tracing"));
});

const DOCUMENT = (state: string) => ({ startup: { state, phases: [{ name: "store" }] } });

async function diagnosed(parts: Partial<DiagnosisParts>): Promise<Diagnosis> {
  return await diagnose({
    api: { threads: () => Promise.resolve({ threads: [], nextCursor: null }) },
    startup: () => Promise.resolve(DOCUMENT("ready")),
    isOnline: () => true,
    ...parts,
  });
}

Deno.test("diagnose asks no further than it must", async () => {
  const never = (): never => {
    throw new Error("asked");
  };
  assertEquals(await diagnosed({ isOnline: () => false, startup: never }), { kind: "offline" });
  const unreachable = await diagnosed({
    startup: () => Promise.reject(new TypeError()),
    api: { threads: never },
  });
  assertEquals(unreachable, { kind: "unreachable" });
});

Deno.test("diagnose tells a start-up, its failure and a drain apart", async () => {
  const of = (state: string) => diagnosed({ startup: () => Promise.resolve(DOCUMENT(state)) });
  assertEquals((await of("starting")).kind, "starting");
  assertEquals(await of("failed"), { kind: "refused", code: "SERVICE_UNAVAILABLE" });
  assertEquals(await of("draining"), { kind: "refused", code: "DRAINING" });
  assertEquals(await of("ready"), { kind: "socket-refused" });
});

Deno.test("diagnose gives the code that HTTP is refused with", async () => {
  const refusing = (error: Error) => diagnosed({ api: { threads: () => Promise.reject(error) } });
  assertEquals(await refusing(new ApiError(503, "AUTH_UNAVAILABLE", "x")), {
    kind: "refused",
    code: "AUTH_UNAVAILABLE",
  });
  assertEquals(await refusing(new SignedOutError("x")), {
    kind: "refused",
    code: "UNAUTHENTICATED",
  });
  assertEquals(await refusing(new Error("no token")), { kind: "no-token" });
});

Deno.test("lostServices reads what does not pass, and takes no document for none lost", () => {
  const check = (status: string) => [{ status, time: "x" }];
  const checks = { store: check("pass"), model: check("warn"), keys: check("fail") };
  assertEquals(lostServices({ checks }), ["model", "keys"]);
  for (const document of [null, 1, {}, { checks: null }, { checks: { a: 1 } }]) {
    assertEquals(lostServices(document), []);
  }
});
