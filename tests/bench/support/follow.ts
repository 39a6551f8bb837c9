/**
 * Sockets that follow one thread, into which a target then streams chunks.
 *
 * @module
 */
import type { TargetName } from "../bench.ts";
import { FOLLOWED } from "../servers/control.ts";
import { Crowd } from "./crowd.ts";
import type { Target } from "./target.ts";
import { tokens } from "./tokens.ts";
import { joined } from "./wire.ts";

/** What the sockets follow besides. */
export interface Follow {
  /** The last entry that they have seen of the thread that is streamed; 0 where left out. */
  readonly afterSeq?: number;
  /** Other threads that each of them has open; none where left out. */
  readonly others?: readonly string[];
}

/** Opens `count` sockets that follow the thread that is streamed. */
export async function followers(
  name: TargetName,
  target: Target,
  count: number,
  { afterSeq = 0, others = [] }: Follow = {},
): Promise<Crowd> {
  const crowd = new Crowd(name, target);
  try {
    // One subject, as only its own sockets can follow a thread.
    const token = (await tokens(1, { subject: () => FOLLOWED.subject }))[0]!;
    await crowd.open(Array.from({ length: count }, () => token));
    // The references send everything to everybody.
    if (crowd.dialect.path !== "/ws" || name === "raw" || name === "ws") return crowd;
    for (const id of [FOLLOWED.threadId, ...others]) await createThread(target, token, id);
    const opens = joined(
      [{ threadId: FOLLOWED.threadId, afterSeq }, ...others.map((threadId) => ({ threadId }))]
        .map((open) => crowd.dialect.encode({ type: "thread.open", id: "o", ...open })),
    );
    await crowd.time((done) => {
      let missing = count * (1 + others.length);
      crowd.onFrame = (kind) => {
        if (kind === "opened" && --missing === 0) done();
      };
      for (const wire of crowd.wires) wire.send(opens);
    });
    // Each has still to read the logs once before it is live.
    await target.settled();
    return crowd;
  } catch (error) {
    crowd[Symbol.dispose]();
    throw error;
  }
}

/** Creates a thread; one that is there already stays as it is. */
async function createThread(target: Target, token: string, id: string): Promise<void> {
  const response = await fetch(`${target.address}/api/threads`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ id }),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`A thread was not created: ${response.status}`);
}
