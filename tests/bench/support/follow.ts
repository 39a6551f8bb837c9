/**
 * Sockets that follow one thread, into which a target then streams chunks.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { TargetName } from "../bench.ts";
import { Crowd } from "./crowd.ts";
import type { Target } from "./target.ts";
import { tokens } from "./tokens.ts";

/** Time in which sockets that opened a thread have read its log, milliseconds. */
const SETTLE_MS = 300;

/** Opens `count` sockets that follow the thread that is streamed. */
export async function followers(name: TargetName, target: Target, count: number): Promise<Crowd> {
  const crowd = new Crowd(name, target);
  try {
    // One subject, as only its own sockets can follow a thread.
    const token = (await tokens(1, { subject: () => "crowd" }))[0]!;
    await crowd.open(Array.from({ length: count }, () => token));
    if (name !== "drawbridge") return crowd;
    await createThread(target, token);
    const open = crowd.dialect.encode({ type: "thread.open", id: "o", threadId: "t" });
    await crowd.time((done) => {
      let missing = count;
      crowd.onFrame = (kind) => {
        if (kind === "opened" && --missing === 0) done();
      };
      for (const wire of crowd.wires) wire.send(open);
    });
    // Each has still to read the log once before it is live.
    await delay(SETTLE_MS);
    return crowd;
  } catch (error) {
    crowd[Symbol.dispose]();
    throw error;
  }
}

/** Creates the thread `t`. */
async function createThread(target: Target, token: string): Promise<void> {
  const response = await fetch(`${target.address}/api/threads`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ id: "t" }),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The thread was not created: ${response.status}`);
}
