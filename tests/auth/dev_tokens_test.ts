import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { DevTokenIssuer } from "../../lib/auth/dev_tokens.ts";
import { loadKeys } from "../../lib/auth/keys.ts";
import { TokenVerifier } from "../../lib/auth/verifier.ts";
import { AppError } from "../../lib/errors.ts";
import { TEST_SECRET } from "../support/tokens.ts";

Deno.test("DevTokenIssuer signs a token that the verifier with the same options takes for one hour", async () => {
  using _time = new FakeTime("2026-03-01T12:00:00.700Z");
  for (const algorithm of ["HS256", "HS384", "HS512"] as const) {
    const rules = { issuer: "https://issuer.example", audience: "drawbridge" };
    const issuer = new DevTokenIssuer({ secret: TEST_SECRET, algorithm, ...rules });
    const algorithms = [algorithm];
    const keys = await loadKeys(
      { kind: "secret", secret: TEST_SECRET, algorithms },
      { signal: new AbortController().signal },
    );
    const { token, expiresAt } = await issuer.issue("zoë 🏰");
    const principal = await new TokenVerifier(keys, { algorithms, ...rules }).verify(token);
    assertEquals(principal.subject, "zoë 🏰");
    assertEquals(expiresAt, "2026-03-01T13:00:00.000Z");
    assertEquals(new Date(principal.expiresAtMs).toISOString(), expiresAt);
  }
});

Deno.test("DevTokenIssuer refuses a subject that no token may have", async () => {
  const issuer = new DevTokenIssuer({ secret: TEST_SECRET });
  for (const subject of ["", "x".repeat(257), "\ud800"]) {
    const error = await assertRejects(() => issuer.issue(subject), AppError);
    assertEquals(error.code, "INVALID_REQUEST");
  }
});
