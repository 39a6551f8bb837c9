import { assertEquals } from "@std/assert";
import { FakeSocket } from "../support/fake_socket.ts";
import { World } from "../support/in_process.ts";

Deno.test("Connections sheds the next heaviest while those it closed first still do not read", async () => {
  await using world = await World.open();
  const sockets = Array.from({ length: 4 }, () => new FakeSocket());
  for (const [at, socket] of sockets.entries()) {
    const { session } = await world.connect({ socket });
    world.connections.tryTake("alice")!.register(session);
    socket.stalled = true;
    // The higher its place, the more is unread.
    session.receive(JSON.stringify({ type: "ping", id: "x".repeat(at + 1) }));
  }
  const shed = () => sockets.map(({ closed }) => closed?.code ?? 0);
  assertEquals(world.connections.shedHeaviest(), 1);
  assertEquals(shed(), [0, 0, 0, 1013]);
  assertEquals(world.connections.shedHeaviest(), 1);
  assertEquals(shed(), [0, 0, 1013, 1013]);
});

Deno.test("Connections sheds nobody whose unread bytes are only under way", async () => {
  await using world = await World.open({ env: { LIMIT_FRAMES_BURST: "2000" } });
  const sockets = [new FakeSocket({ stalled: true }), new FakeSocket({ stalled: true })];
  for (const [at, socket] of sockets.entries()) {
    const { session } = await world.connect({ socket });
    world.connections.tryTake("alice")!.register(session);
    for (let pings = 0; pings < at * 1_000; pings++) session.receive('{"type":"ping","id":"p"}');
  }
  assertEquals(world.connections.shedHeaviest(16_384), 1);
  assertEquals(world.connections.shedHeaviest(16_384), 0);
  assertEquals(sockets.map(({ closed }) => closed?.code ?? 0), [0, 1013]);
});
