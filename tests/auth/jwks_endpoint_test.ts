import { assertEquals, assertRejects } from "@std/assert";
import { loadKeys } from "../../lib/auth/keys.ts";
import { TokenVerifier } from "../../lib/auth/verifier.ts";
import { AppError } from "../../lib/errors.ts";
import { JwksServer } from "../support/jwks_server.ts";
import { needs } from "../support/permissions.ts";
import { makeKeys, mintWith } from "../support/tokens.ts";

const ALGORITHMS = ["ES256"];
const SIGNAL = new AbortController().signal;
const onLoopback = needs("net");

Deno.test({
  ...onLoopback("a real JWKS endpoint's rotation and death reach the verifier as they should"),
  async fn() {
    const [old, next, late] = await Promise.all(
      ["old", "next", "late"].map((kid) => makeKeys("ES256", kid)),
    );
    await using server = new JwksServer(old!.jwk);
    const open = async () =>
      new TokenVerifier(
        await loadKeys({ kind: "jwks", url: server.url, algorithms: ALGORITHMS }, {
          signal: SIGNAL,
        }),
        { algorithms: ALGORITHMS },
      );
    const verifier = await open();
    const orphan = await open();
    try {
      server.rotate(old!.jwk, next!.jwk);
      await verifier.verify(await mintWith(next!));
      assertEquals(server.requests, 3);

      await server.die();
      await orphan.verify(await mintWith(old!));
      const token = await mintWith(late!);
      const error = await assertRejects(() => orphan.verify(token), AppError);
      assertEquals(error.code, "AUTH_UNAVAILABLE");
      await verifier.verify(await mintWith(next!));
    } finally {
      verifier.close();
      orphan.close();
    }
  },
});

Deno.test({
  ...onLoopback("loadKeys follows no redirect to another JWKS"),
  async fn() {
    const keys = await makeKeys("ES256", "key");
    await using target = new JwksServer(keys.jwk);
    await using server = new JwksServer(keys.jwk);
    server.mode = { kind: "redirect", location: target.url };
    await assertRejects(() =>
      loadKeys({ kind: "jwks", url: server.url, algorithms: ALGORITHMS }, { signal: SIGNAL })
    );
    assertEquals([server.requests, target.requests], [1, 0]);
  },
});

Deno.test({
  ...onLoopback("loadKeys leaves a hanging endpoint when its signal aborts"),
  async fn() {
    await using server = new JwksServer();
    server.mode = { kind: "hang" };
    const phase = new AbortController();
    const loading = loadKeys(
      { kind: "jwks", url: server.url, algorithms: ALGORITHMS },
      { signal: phase.signal },
    );
    await server.whenRequested(1);
    phase.abort(new Error("the phase is over"));
    await assertRejects(() => loading, Error, "the phase is over");
  },
});
