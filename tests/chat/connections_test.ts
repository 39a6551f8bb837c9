import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Connections, reconnectAfterMs } from "../../lib/chat/connections.ts";
import { FakeSocket } from "../support/fake_socket.ts";
import { type Client, World } from "../support/in_process.ts";

/** Connections of at most two sockets a subject, and every count that they told. */
function makeConnections(perSubject = 2): { connections: Connections; told: number[] } {
  const told: number[] = [];
  const onCount = (count: number): void => void told.push(count);
  return { connections: new Connections({ perSubject, onCount }), told };
}

Deno.test("Connections gives each subject as many places as it may have, whoever else is there", () => {
  const { connections } = makeConnections();
  assert(connections.tryTake("alice") !== null);
  assert(connections.tryTake("alice") !== null);
  assertEquals(connections.tryTake("alice"), null);
  assert(connections.tryTake("bob") !== null);
  assertEquals(connections.count, 3);
});

Deno.test("Connections takes a place back once, however often it is released", () => {
  const { connections, told } = makeConnections(1);
  const place = connections.tryTake("alice")!;
  place.release();
  place.release();
  assertEquals([connections.count, told], [0, [1, 0]]);
  assert(connections.tryTake("alice") !== null);
  assertEquals(connections.tryTake("alice"), null);
  place.release();
  assertEquals(connections.tryTake("alice"), null);
});

/** A world's clients, each in its place. */
async function placed(world: World, sockets: readonly FakeSocket[]): Promise<Client[]> {
  return await Promise.all(sockets.map(async (socket) => {
    const client = await world.connect({ socket });
    world.connections.tryTake("alice")!.register(client.session);
    return client;
  }));
}

Deno.test("Connections drains every session that is registered, and none that has gone", async () => {
  await using world = await World.open();
  const sockets = [new FakeSocket(), new FakeSocket()];
  await placed(world, sockets);
  const gone = await world.connect();
  const place = world.connections.tryTake("alice")!;
  place.register(gone.session);
  place.release();
  const late = await world.connect();
  place.register(late.session);
  world.connections.drain();
  for (const socket of sockets) {
    assertEquals(socket.closed, { code: 1012, reason: "Service restart" });
    assertLessOrEqual(socket.only("session.draining").reconnectAfterMs, 3_000);
  }
  assertEquals([gone.socket.closed, late.socket.closed], [null, null]);
});

Deno.test("Connections sheds the eighth of its sessions whose readers left most unread, at least one, and never an idle one", async () => {
  await using world = await World.open();
  const sockets = Array.from({ length: 12 }, () => new FakeSocket());
  const clients = await placed(world, sockets);
  world.connections.shedHeaviest();
  assertEquals(sockets.filter(({ closed }) => closed !== null), []);
  // The higher its place, the more is unread.
  for (const [at, { socket, session }] of clients.entries()) {
    if (at < 2) continue;
    socket.stalled = true;
    session.receive(JSON.stringify({ type: "ping", id: "x".repeat(at) }));
  }
  world.connections.shedHeaviest();
  const shed = sockets.flatMap(({ closed }, at) => closed === null ? [] : [[at, closed.code]]);
  assertEquals(shed, [[10, 1013], [11, 1013]]);
});

Deno.test("reconnectAfterMs spreads clients over whole milliseconds up to three seconds", () => {
  const waits = Array.from({ length: 1_000 }, reconnectAfterMs);
  assert(waits.every((ms) => Number.isInteger(ms) && ms >= 0 && ms <= 3_000));
  assert(new Set(waits.map((ms) => Math.floor(ms / 1_000))).size >= 3);
});
