import { assertEquals } from "@std/assert";
import { type CredentialCheck, readBearer, readCredential } from "../../lib/auth/credentials.ts";
import { challengeFor } from "../../lib/auth/refusal.ts";
import { AppError } from "../../lib/errors.ts";

const URL_WITHOUT = new URL("http://chat.example/ws?room=token");
const NO_CREDENTIAL = 'Bearer realm="drawbridge"';
const BAD_REQUEST = 'Bearer realm="drawbridge", error="invalid_request"';

function outcome(check: CredentialCheck): string {
  if (check.ok) return check.token;
  assertEquals(check.error.code, "UNAUTHENTICATED");
  return check.headers["WWW-Authenticate"] ?? "no challenge";
}

function withAuthorization(...values: readonly string[]): Headers {
  return new Headers(values.map((value): [string, string] => ["authorization", value]));
}

Deno.test("readBearer takes the token of Authorization, its scheme in any case", () => {
  for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
    assertEquals(
      outcome(readBearer(withAuthorization(`${scheme} a.b-_~+/c==`), URL_WITHOUT)),
      "a.b-_~+/c==",
    );
  }
  assertEquals(outcome(readBearer(withAuthorization("Bearer   a.b.c"), URL_WITHOUT)), "a.b.c");
});

Deno.test("readBearer challenges without an error name where there is no credential (RFC 6750 §3.1)", () => {
  assertEquals(outcome(readBearer(new Headers(), URL_WITHOUT)), NO_CREDENTIAL);
});

Deno.test("readBearer ignores the subprotocols, which only a handshake has", () => {
  const headers = new Headers({ "sec-websocket-protocol": "drawbridge.v1, bearer.a.b.c" });
  assertEquals(outcome(readBearer(headers, URL_WITHOUT)), NO_CREDENTIAL);
});

Deno.test("readBearer refuses another scheme, two tokens and every other shape", () => {
  const odd = [
    [""],
    ["Bearer"],
    ["Bearer "],
    ["Bearera.b.c"],
    ["Bearer\ta.b.c"],
    ["Bearer a.b.c d.e.f"],
    ["Bearer a.b.c, Bearer d.e.f"],
    ["Bearer a.b.c,d.e.f"],
    ["Bearer a.b.c,"],
    ["Bearer a.b.c", "Bearer d.e.f"],
    ["Bearer a.b.c", "Basic YTpi"],
    ["Basic YTpi"],
    ["Bearer token=a.b.c"],
    ['Bearer "a.b.c"'],
    ["a.b.c"],
    ["Bearer Bearer a.b.c"],
  ];
  for (const values of odd) {
    assertEquals(
      outcome(readBearer(withAuthorization(...values), URL_WITHOUT)),
      BAD_REQUEST,
      values.join(" | "),
    );
  }
});

Deno.test("readBearer refuses a credential in the URL under each of its names, beside a good one too", () => {
  const queries = [
    "token=a.b.c",
    "access_token=a.b.c",
    "jwt=a.b.c",
    "bearer=a.b.c",
    "ticket=1",
    "TOKEN=a.b.c",
    "Access_Token=a.b.c",
    "x=1&jWt=",
    "token",
    "%74oken=a.b.c",
  ];
  for (const query of queries) {
    const url = new URL(`http://chat.example/ws?${query}`);
    assertEquals(outcome(readBearer(withAuthorization("Bearer a.b.c"), url)), BAD_REQUEST, query);
    assertEquals(outcome(readBearer(new Headers(), url)), BAD_REQUEST, query);
  }
});

Deno.test("readBearer lets other query names pass", () => {
  const url = new URL("http://chat.example/api/threads?limit=1&tokens=1&my_token=1#token=1");
  assertEquals(outcome(readBearer(withAuthorization("Bearer a.b.c"), url)), "a.b.c");
});

Deno.test("readCredential takes an offered bearer subprotocol", () => {
  const token = readCredential(new Headers(), URL_WITHOUT, ["drawbridge.v1", "bearer.a.b.c"]);
  assertEquals(outcome(token), "a.b.c");
});

Deno.test("readCredential refuses two credentials, be they equal, and an empty one", () => {
  const good = withAuthorization("Bearer a.b.c");
  const cases: readonly (readonly [Headers, readonly string[]])[] = [
    [good, ["drawbridge.v1", "bearer.a.b.c"]],
    [new Headers(), ["bearer.a.b.c", "bearer.d.e.f"]],
    [new Headers(), ["bearer.a.b.c", "bearer.a.b.c"]],
    [withAuthorization("Basic YTpi"), ["bearer.a.b.c"]],
    [withAuthorization(""), ["bearer.a.b.c"]],
    [good, ["bearer."]],
    [new Headers(), ["bearer."]],
  ];
  for (const [headers, protocols] of cases) {
    assertEquals(outcome(readCredential(headers, URL_WITHOUT, protocols)), BAD_REQUEST);
  }
  assertEquals(
    outcome(readCredential(new Headers(), URL_WITHOUT, ["BEARER.a.b.c"])),
    NO_CREDENTIAL,
  );
});

Deno.test("challengeFor names invalid_token on 401 and nothing else", () => {
  const challenge = { "WWW-Authenticate": 'Bearer realm="drawbridge", error="invalid_token"' };
  assertEquals(challengeFor(new AppError("UNAUTHENTICATED")), challenge);
  assertEquals(challengeFor(new AppError("TOKEN_EXPIRED")), challenge);
  assertEquals(challengeFor(new AppError("AUTH_UNAVAILABLE")), {});
});
