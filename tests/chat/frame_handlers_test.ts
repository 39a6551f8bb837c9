import { assertEquals, assertRejects } from "@std/assert";
import { FrameHandlers } from "../../lib/chat/frame_handlers.ts";
import type { ServerFrame } from "../../lib/chat/protocol.ts";
import { AppError } from "../../lib/errors.ts";
import { MAX_OPEN_THREADS } from "../../lib/limits.ts";
import { eventually, World } from "../support/in_process.ts";

/** Handlers of alice's on a world, and what they sent. */
function makeHandlers(world: World): { handlers: FrameHandlers; sent: ServerFrame[] } {
  const sent: ServerFrame[] = [];
  const handlers = new FrameHandlers({
    services: world.services,
    subject: "alice",
    outlet: {
      send: (text) => void sent.push(JSON.parse(text)),
      drained: () => Promise.resolve(),
      fail: (error) => void world.faults.push(error),
    },
    send: (frame) => void sent.push(frame),
    refresh: () => {},
  });
  return { handlers, sent };
}

Deno.test("FrameHandlers opens MAX_OPEN_THREADS at most, and another once one is closed", async () => {
  await using world = await World.open();
  const { handlers, sent } = makeHandlers(world);
  const open = async (threadId: string): Promise<void> => {
    await world.services.threads.create({ subject: "alice", threadId }, { title: null });
    await handlers.handle({ type: "thread.open", id: threadId, threadId });
  };
  try {
    for (let at = 0; at < MAX_OPEN_THREADS; at++) await open(`t${at}`);
    assertEquals(sent.filter(({ type }) => type === "thread.opened").length, MAX_OPEN_THREADS);
    const error = await assertRejects(() => open("one-more"), AppError);
    assertEquals(error.code, "INVALID_REQUEST");
    const message = { id: "m", text: "hello" };
    const refused = await assertRejects(
      () => handlers.handle({ type: "message.send", id: "m", threadId: "new", message }),
      AppError,
    );
    assertEquals(refused.code, "INVALID_REQUEST");
    const ref = { subject: "alice", threadId: "new" };
    assertEquals(await world.services.threads.head(ref), null);
    // One that is open may be opened again.
    await open("t0");
    await handlers.handle({ type: "thread.close", id: "c", threadId: "t0" });
    await open("one-more");
    // One that is deleted makes room as well.
    await world.services.supervisor.deleteThread({ subject: "alice", threadId: "t1" });
    await open("yet-another");
  } finally {
    handlers.close();
  }
});

Deno.test("FrameHandlers follows no thread any more once it is closed", async () => {
  await using world = await World.open();
  const { handlers } = makeHandlers(world);
  const ref = { subject: "alice", threadId: "t" };
  await world.services.threads.create(ref, { title: null });
  const { generation } = (await world.services.threads.head(ref))!;
  const topic = { ...ref, generation };
  await handlers.handle({ type: "thread.open", id: "1", threadId: "t" });
  assertEquals(world.fanOut.hasListeners(topic), true);
  handlers.close();
  assertEquals(world.fanOut.hasListeners(topic), false);
  await handlers.handle({ type: "thread.open", id: "2", threadId: "t" });
  assertEquals(world.fanOut.hasListeners(topic), false);
});

Deno.test("FrameHandlers follows a thread anew that was deleted and made again under its id", async () => {
  await using world = await World.open();
  const { handlers, sent } = makeHandlers(world);
  const ref = { subject: "alice", threadId: "t" };
  const send = (id: string) =>
    handlers.handle({ type: "message.send", id, threadId: "t", message: { id, text: id } });
  try {
    await send("m1");
    (await world.puppet.nextCall()).begin().finish();
    await world.services.supervisor.deleteThread(ref);
    await send("m2");
    const call = await world.puppet.nextCall();
    const seqs = (): number[] => sent.flatMap((frame) => frame.type === "entry" ? [frame.seq] : []);
    const isUser = (frame: ServerFrame): boolean =>
      frame.type === "entry" && frame.entry.kind === "message" && frame.entry.id === "m2";
    call.begin().finish();
    await eventually(() => sent.some(isUser));
    assertEquals(seqs().includes(1), true);
    const ack = sent.findLast(({ type }) => type === "ack");
    assertEquals(ack?.type === "ack" && [ack.seq, ack.duplicate], [1, false]);
  } finally {
    handlers.close();
  }
});
