import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { JWKS_TIMEOUT_MS, MAX_JWKS_BYTES } from "../../lib/auth/jwks.ts";
import type { KeySource } from "../../lib/auth/key_source.ts";
import { JWKS_REFRESH_MS, loadRemoteKeys } from "../../lib/auth/remote_keys.ts";
import { TokenVerifier } from "../../lib/auth/verifier.ts";
import { AppError } from "../../lib/errors.ts";
import { JWKS_COOLDOWN_MS } from "../../lib/limits.ts";
import { makeKeys, mintWith, signToken } from "../support/tokens.ts";

const ALGORITHMS = ["RS256", "ES256", "EdDSA"];
const SIGNAL = new AbortController().signal;
const OLD = await makeKeys("ES256", "old");
const NEW = await makeKeys("ES256", "new");

/** A scripted endpoint: counts its requests and answers with `answer`. */
class Endpoint {
  requests = 0;
  readonly failures: unknown[] = [];
  answer: (signal: AbortSignal) => Promise<Response>;

  constructor(...keys: readonly unknown[]) {
    this.answer = () => Promise.resolve(Response.json({ keys }));
  }

  serve(...keys: readonly unknown[]): void {
    this.answer = () => Promise.resolve(Response.json({ keys }));
  }

  fail(): void {
    this.answer = () => Promise.reject(new TypeError("connection refused"));
  }

  hang(): void {
    this.answer = (signal) =>
      new Promise((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
  }

  load(signal = SIGNAL): Promise<KeySource> {
    return loadRemoteKeys({
      kind: "jwks",
      url: "https://keys.example/jwks.json",
      algorithms: ALGORITHMS,
      fetch: (_url, init) => {
        this.requests += 1;
        assertEquals(init?.redirect, "error");
        return this.answer(init?.signal ?? SIGNAL);
      },
      onRefreshFailed: (error) => this.failures.push(error),
    }, { signal });
  }
}

async function open(endpoint: Endpoint): Promise<TokenVerifier & Disposable> {
  const verifier = new TokenVerifier(await endpoint.load(), { algorithms: ALGORITHMS });
  return Object.assign(verifier, { [Symbol.dispose]: () => verifier.close() });
}

async function codeOf(verifier: TokenVerifier, token: string): Promise<string> {
  return await verifier.verify(token).then(() => "accept", (error: AppError) => error.code);
}

/** Lets the background fetch begin and waits for its end, which an unknown kid joins. */
async function passRefresh(time: FakeTime, endpoint: Endpoint, verifier: TokenVerifier) {
  const before = endpoint.requests;
  time.tick(JWKS_REFRESH_MS);
  assertEquals(endpoint.requests, before + 1);
  await codeOf(verifier, await signToken({ alg: "ES256", kid: "?" }, {}, NEW.sign));
  assertEquals(endpoint.requests, before + 1);
}

Deno.test("a JWKS fetches an unknown kid's key and verifies with it at once", async () => {
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  endpoint.serve(OLD.jwk, NEW.jwk);
  assertEquals(await codeOf(verifier, await mintWith(NEW)), "accept");
  assertEquals(endpoint.requests, 2);
});

Deno.test("a JWKS is fetched for unknown kids once in 10 s, whoever asks", async () => {
  using time = new FakeTime();
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  const token = await mintWith(NEW, { exp: 9e9 });
  assertEquals(await codeOf(verifier, token), "UNAUTHENTICATED");
  time.tick(JWKS_COOLDOWN_MS - 1);
  endpoint.serve(OLD.jwk, NEW.jwk);
  assertEquals(await codeOf(verifier, token), "UNAUTHENTICATED");
  assertEquals(endpoint.requests, 2);
  time.tick(1);
  assertEquals(await codeOf(verifier, token), "accept");
  assertEquals(endpoint.requests, 3);
});

Deno.test("a JWKS is fetched for an unknown kid though the clock was set back meanwhile", async () => {
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  const token = await mintWith(NEW);
  assertEquals(await codeOf(verifier, token), "UNAUTHENTICATED");
  endpoint.serve(NEW.jwk);
  const { now } = Date;
  Date.now = () => now() - 60_000;
  try {
    assertEquals(await codeOf(verifier, token), "accept");
  } finally {
    Date.now = now;
  }
});

Deno.test("a JWKS shares one fetch between all who wait for unknown kids", async () => {
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  endpoint.serve(OLD.jwk, NEW.jwk);
  const token = await mintWith(NEW);
  const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(verifier, token)));
  assertEquals(new Set(codes), new Set(["accept"]));
  assertEquals(endpoint.requests, 2);
});

Deno.test("a JWKS whose endpoint died verifies known keys and answers AUTH_UNAVAILABLE to unknown ones", async () => {
  using time = new FakeTime();
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  endpoint.fail();
  const token = await mintWith(NEW, { exp: 9e9 });
  const first = await assertRejects(() => verifier.verify(token), AppError);
  assertEquals([first.code, first.retryAfterMs], ["AUTH_UNAVAILABLE", JWKS_COOLDOWN_MS]);
  time.tick(4_000);
  const second = await assertRejects(() => verifier.verify(token), AppError);
  assertEquals([second.code, second.retryAfterMs], ["AUTH_UNAVAILABLE", 6_000]);
  assertEquals(await codeOf(verifier, await mintWith(OLD, { exp: 9e9 })), "accept");
  assertEquals(endpoint.requests, 2);
  assertEquals(endpoint.failures.length, 1);
  endpoint.serve(OLD.jwk, NEW.jwk);
  time.tick(6_000);
  assertEquals(await codeOf(verifier, token), "accept");
});

Deno.test("a JWKS gives up on an endpoint that hangs after 5 s and aborts the fetch", async () => {
  using time = new FakeTime();
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  endpoint.hang();
  const code = codeOf(verifier, await mintWith(NEW, { exp: 9e9 }));
  await time.tickAsync(JWKS_TIMEOUT_MS);
  assertEquals(await code, "AUTH_UNAVAILABLE");
  assert(endpoint.failures[0] instanceof DOMException);
  assertEquals(endpoint.failures[0].name, "TimeoutError");
});

Deno.test("a JWKS drops a withdrawn key within 10 minutes", async () => {
  using time = new FakeTime();
  const endpoint = new Endpoint(OLD.jwk, NEW.jwk);
  using verifier = await open(endpoint);
  const token = await mintWith(OLD, { exp: 9e9 });
  endpoint.serve(NEW.jwk);
  assertEquals(await codeOf(verifier, token), "accept");
  await passRefresh(time, endpoint, verifier);
  assertEquals(await codeOf(verifier, token), "UNAUTHENTICATED");
});

Deno.test("a JWKS keeps its keys where a background fetch fails or brings no usable key", async () => {
  using time = new FakeTime();
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  const token = await mintWith(OLD, { exp: 9e9 });
  for (const spoil of [() => endpoint.fail(), () => endpoint.serve()]) {
    spoil();
    await passRefresh(time, endpoint, verifier);
    assertEquals(await codeOf(verifier, token), "accept");
  }
  assertEquals(endpoint.failures.length, 2);
});

Deno.test("a JWKS is not fetched for a known kid of another algorithm, nor without kid", async () => {
  const endpoint = new Endpoint(OLD.jwk);
  using verifier = await open(endpoint);
  const claims = { sub: "alice", exp: 9e9 };
  for (const header of [{ alg: "RS256", kid: "old" }, { alg: "RS256" }, { alg: "EdDSA" }]) {
    const token = await signToken(header, claims, OLD.sign);
    assertEquals(await codeOf(verifier, token), "UNAUTHENTICATED");
  }
  assertEquals(endpoint.requests, 1);
});

Deno.test("a JWKS tries four fitting keys for a token without kid, and no fifth", async () => {
  const keys = await Promise.all(
    Array.from({ length: 5 }, (_, index) => makeKeys("ES256", `key-${index}`)),
  );
  using verifier = await open(new Endpoint(...keys.map(({ jwk }) => jwk)));
  const codes = await Promise.all(keys.map(async ({ sign }) => {
    const token = await signToken({ alg: "ES256" }, { sub: "alice", exp: 9e9 }, sign);
    return await codeOf(verifier, token);
  }));
  assertEquals(codes, ["accept", "accept", "accept", "accept", "UNAUTHENTICATED"]);
});

Deno.test("a JWKS leaves out keys that are not for verifying, private, broken or unknown to it", async () => {
  const { use: _use, ...plain } = OLD.jwk;
  const endpoint = new Endpoint(
    { ...OLD.jwk, kid: "enc", use: "enc" },
    { ...plain, kid: "ops", key_ops: ["encrypt"] },
    { ...OLD.jwk, kid: "alg", alg: "ES384" },
    { ...OLD.jwk, kid: 7 },
    { ...OLD.jwk, kid: "bent", x: "AA" },
    { ...OLD.jwk, kid: "off the curve", y: OLD.jwk.x },
    { ...OLD.jwk, kid: "private", d: OLD.jwk.x },
    { kty: "oct", kid: "oct", k: "AAAA", alg: "HS256" },
    { kty: "unheard-of", kid: "odd" },
    { kid: "bare" },
    "no object",
    null,
    NEW.jwk,
  );
  using keys = Object.assign(await endpoint.load(), {
    [Symbol.dispose](this: KeySource) {
      this.close();
    },
  });
  assertEquals((await keys.candidates({ alg: "ES256" })).length, 1);
});

Deno.test("loadRemoteKeys throws on anything but 200 and a set with a usable key, and leaves no timer", async () => {
  const answers: readonly (() => Response)[] = [
    () => new Response(null, { status: 204 }),
    () => Response.json({ keys: [OLD.jwk] }, { status: 203 }),
    () => Response.json({ keys: [OLD.jwk] }, { status: 500 }),
    () => new Response("<html>"),
    () => Response.json(null),
    () => Response.json([OLD.jwk]),
    () => Response.json({ keys: {} }),
    () => Response.json({ keys: [] }),
    () => Response.json({ keys: [{ ...OLD.jwk, use: "enc" }] }),
    () => new Response(Uint8Array.of(0xff)),
    () => new Response(null),
  ];
  for (const answer of answers) {
    const endpoint = new Endpoint();
    endpoint.answer = () => Promise.resolve(answer());
    await assertRejects(() => endpoint.load(), Error);
  }
});

Deno.test("loadRemoteKeys takes 256 KiB and stops reading beyond, whatever Content-Length says", async () => {
  const json = JSON.stringify({ keys: [OLD.jwk] });
  const fitting = new Endpoint();
  fitting.answer = () => Promise.resolve(new Response(json.padEnd(MAX_JWKS_BYTES)));
  (await fitting.load()).close();

  let pulled = 0;
  let cancelled = false;
  const endless = new Endpoint();
  endless.answer = () =>
    Promise.resolve(
      new Response(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            pulled += 65_536;
            controller.enqueue(new Uint8Array(65_536).fill(0x20));
          },
          cancel() {
            cancelled = true;
          },
        }),
        { headers: { "content-length": "2" } },
      ),
    );
  await assertRejects(() => endless.load(), Error, `larger than ${MAX_JWKS_BYTES} bytes`);
  assertEquals(cancelled, true);
  assert(pulled <= MAX_JWKS_BYTES + 2 * 65_536);
});

Deno.test("loadRemoteKeys throws the signal's reason where it aborts amid a fetch", async () => {
  const endpoint = new Endpoint();
  endpoint.hang();
  const phase = new AbortController();
  const loading = endpoint.load(phase.signal);
  const reason = new Error("the phase is over");
  phase.abort(reason);
  assertEquals(await assertRejects(() => loading), reason);
});

Deno.test("closing a JWKS aborts its fetch, and nothing is fetched any more", async () => {
  const endpoint = new Endpoint(OLD.jwk);
  const verifier = await open(endpoint);
  endpoint.hang();
  const token = await mintWith(NEW);
  const code = codeOf(verifier, token);
  verifier.close();
  verifier.close();
  assertEquals(await code, "AUTH_UNAVAILABLE");
  assertEquals(await codeOf(verifier, token), "AUTH_UNAVAILABLE");
  assertEquals(await codeOf(verifier, await mintWith(OLD)), "accept");
  assertEquals(endpoint.requests, 2);
  assertEquals(endpoint.failures, []);
});
