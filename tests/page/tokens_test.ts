import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  embeddedToken,
  type EmbedWindow,
  type IncomingMessage,
} from "../../routes/page/app/state/embed_token.ts";
import {
  developmentToken,
  endpointToken,
  SignedOutError,
  TokenKeeper,
} from "../../routes/page/app/state/tokens.ts";

/** Answers with one response, and remembers what it was asked. */
function answering(status: number, body: unknown) {
  const asked: [string, RequestInit][] = [];
  const fetch = (url: string, init: RequestInit): Promise<Response> => {
    asked.push([url, init]);
    return Promise.resolve(Response.json(body, { status }));
  };
  return { asked, fetch };
}

Deno.test("a development token is asked for by name", async () => {
  const { asked, fetch } = answering(200, { token: "t1" });
  assertEquals(await developmentToken("ada", fetch), "t1");
  const [url, init] = asked[0]!;
  assertEquals([url, init.method, init.body], ["/auth/dev-token", "POST", '{"sub":"ada"}']);
});

Deno.test("a token endpoint gets its cookies, and the page says nothing in its address", async () => {
  const { asked, fetch } = answering(200, { token: "t1" });
  assertEquals(await endpointToken("/session/token", fetch), "t1");
  const [url, init] = asked[0]!;
  assertEquals([url, init.method, init.credentials, init.cache], [
    "/session/token",
    "POST",
    "include",
    "no-store",
  ]);
});

for (const status of [401, 403]) {
  Deno.test(`an endpoint that answers ${status} says that nobody is signed in`, async () => {
    await assertRejects(() => endpointToken("/t", answering(status, {}).fetch), SignedOutError);
  });
}

for (const [status, body] of [[500, {}], [404, {}], [200, {}], [200, { token: 1 }]] as const) {
  Deno.test(`an endpoint that answers ${status} ${JSON.stringify(body)} may answer better later`, async () => {
    const error = await assertRejects(() => endpointToken("/t", answering(status, body).fetch));
    assert(!(error instanceof SignedOutError));
  });
}

Deno.test("TokenKeeper gives null once nobody is signed in, and throws what may pass", async () => {
  let error: Error = new SignedOutError("out");
  const keeper = new TokenKeeper(() => Promise.reject(error));
  assertEquals(await keeper.give("connect"), null);
  error = new Error("offline");
  await assertRejects(async () => await keeper.give("connect"), Error, "offline");
});

Deno.test("TokenKeeper asks once for all who want a token meanwhile, and then keeps it", async () => {
  let asked = 0;
  const keeper = new TokenKeeper(() => Promise.resolve(`t${++asked}`));
  assertEquals(await Promise.all([keeper.current(), keeper.give("connect")]), ["t1", "t1"]);
  assertEquals([await keeper.current(), await keeper.renew("refused")], ["t1", "t2"]);
  assertEquals([await keeper.current(), asked], ["t2", 2]);
});

/** A window inside another one, whose messages a test plays. */
function embedded() {
  const listeners = new Set<(message: IncomingMessage) => void>();
  const posted: [unknown, string][] = [];
  const host = { postMessage: (data: unknown, to: string) => void posted.push([data, to]) };
  const page: EmbedWindow = {
    host,
    hostOrigin: undefined,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const say = (message: Partial<IncomingMessage>): void => {
    const whole = { origin: "https://a.example", source: host, data: null, ...message };
    for (const listener of [...listeners]) listener(whole);
  };
  return { page, posted, say, listeners };
}

const ORIGINS = ["https://a.example", "https://b.example"];

Deno.test("the embedding site is asked at its allowed origins alone", async () => {
  const { page, posted, say, listeners } = embedded();
  const token = embeddedToken(ORIGINS, "connect", page);
  const request = { type: "drawbridge:token-request", reason: "connect" };
  assertEquals(posted, [[request, ORIGINS[0]!], [request, ORIGINS[1]!]]);
  say({ data: { type: "drawbridge:token", token: "t1" } });
  assertEquals([await token, listeners.size], ["t1", 0]);
});

Deno.test("an embedding site that the browser names is asked alone, or not at all", async () => {
  const { page, posted, say } = embedded();
  const token = embeddedToken(ORIGINS, "connect", { ...page, hostOrigin: "https://b.example" });
  assertEquals(posted.map(([, to]) => to), ["https://b.example"]);
  say({ data: { type: "drawbridge:token", token: "t1" }, origin: "https://b.example" });
  assertEquals(await token, "t1");
  const strange = { ...page, hostOrigin: "https://c.example" };
  await assertRejects(() => embeddedToken(ORIGINS, "connect", strange), SignedOutError);
  assertEquals(posted.length, 1);
});

Deno.test("a token from another origin, another window or of another shape is passed over", async () => {
  const { page, say } = embedded();
  const token = embeddedToken(ORIGINS, "connect", page);
  const data = { type: "drawbridge:token", token: "evil" };
  say({ data, origin: "https://evil.example" });
  say({ data, origin: "https://a.example.evil.example" });
  say({ data, source: {} });
  say({ data: { ...data, type: "other" } });
  say({ data: { ...data, token: 1 } });
  say({ data: { ...data, token: "" } });
  say({ data: "drawbridge:token" });
  say({ data: { ...data, token: "good" }, origin: "https://b.example" });
  assertEquals(await token, "good");
});

Deno.test("the embedding site can say that nobody is signed in", async () => {
  const { page, say } = embedded();
  const token = embeddedToken(ORIGINS, "expired", page);
  say({ data: { type: "drawbridge:token", token: null } });
  await assertRejects(() => token, SignedOutError);
});

Deno.test("a page that nobody embeds, or nobody may embed, is signed out at once", async () => {
  const { page, posted } = embedded();
  await assertRejects(() => embeddedToken([], "connect", page), SignedOutError);
  await assertRejects(
    () => embeddedToken(ORIGINS, "connect", { ...page, host: null }),
    SignedOutError,
  );
  assertEquals(posted, []);
});

Deno.test("an embedding site that does not answer is asked again later", async () => {
  using time = new FakeTime();
  const { page, listeners } = embedded();
  const token = embeddedToken(ORIGINS, "connect", page);
  const refused = assertRejects(() => token, Error, "did not answer");
  await time.tickAsync(10_000);
  await refused;
  assertEquals(listeners.size, 0);
});
