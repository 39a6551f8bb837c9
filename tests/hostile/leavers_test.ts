import { assertEquals, assertLess } from "@std/assert";
import { KvAddress } from "../support/hanging_kv.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** Callers in all, and how many come at once. */
const CALLERS = 4_000;
const AT_ONCE = 100;

/** What is kept of so many, bytes each: a caller who waits takes some 20 KB, one who has left nothing. */
const KEPT_BYTES = 4_096;

Deno.test({
  ...needsServer("callers who leave while they wait take what they cost with them"),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({
      env: {
        ...kv.env,
        // One attempt, for as long as this takes.
        STARTUP_TIMEOUT_MS: "600000",
        STARTUP_WAIT_MS: "600000",
        LIMIT_WAITING_PER_SUBJECT: String(AT_ONCE),
        // Garbage must not pass for what is kept.
        DENO_V8_FLAGS: "--max-old-space-size=96,--max-semi-space-size=2",
      },
    });
    await server.log("startup phase ready", { phase: "keys" });
    const authorization = `Bearer ${await mintToken({ sub: "mallory" })}`;
    const visit = async () => {
      const callers = await Promise.all(
        Array.from({ length: AT_ONCE }, () => RawSocket.knock(server.address, { authorization })),
      );
      await server.waiting(AT_ONCE);
      for (const caller of callers) caller[Symbol.dispose]();
      await server.waiting(0);
    };
    const resident = async () => {
      const { body } = await server.request("/metrics");
      return Number(/^process_resident_memory_bytes (\S+)$/m.exec(body)![1]);
    };
    for (let visits = 0; visits < 10; visits++) await visit();
    const before = await resident();
    for (let visits = 0; visits < CALLERS / AT_ONCE; visits++) await visit();
    assertLess(await resident() - before, CALLERS * KEPT_BYTES);
    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});
