import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { PacedOutlet } from "../../lib/chat/paced_outlet.ts";
import { encodeFrame } from "../../lib/chat/protocol.ts";
import { FakeSocket } from "../support/fake_socket.ts";

const PONG = encodeFrame({ type: "pong", ref: "1" });
const MAX = PONG.length * 4;

/** An outlet on a socket that nobody reads, and what it told. */
function stalledOutlet(): { outlet: PacedOutlet; socket: FakeSocket; told: string[] } {
  const socket = new FakeSocket({ stalled: true });
  const told: string[] = [];
  const outlet = new PacedOutlet(socket, {
    maxUnsentBytes: MAX,
    onSent: (type) => told.push(type),
    onSlow: () => told.push("slow"),
    onFault: (error) => {
      throw error;
    },
  });
  return { outlet, socket, told };
}

/** Whether a promise has settled after the microtasks. */
async function hasSettled(promise: Promise<unknown>, time: FakeTime): Promise<boolean> {
  let settled = false;
  const mark = (): void => void (settled = true);
  promise.then(mark, mark);
  await time.runMicrotasks();
  return settled;
}

Deno.test("PacedOutlet tells the type of each frame that it sends", () => {
  const { outlet, socket, told } = stalledOutlet();
  outlet.send(PONG);
  outlet.send(encodeFrame({ type: "session.draining", reconnectAfterMs: 1 }));
  assertEquals(told, ["pong", "session.draining"]);
  assertEquals(socket.texts.length, 2);
});

Deno.test("PacedOutlet gives a reader up once when more than the limit is unsent, and sends nothing after that", () => {
  const { outlet, socket, told } = stalledOutlet();
  for (let sent = 0; sent < 4; sent++) outlet.send(PONG);
  assertEquals(told.includes("slow"), false);
  outlet.send(PONG);
  assertEquals(told.filter((word) => word === "slow"), ["slow"]);
  outlet.send(PONG);
  assertEquals([socket.texts.length, told.filter((word) => word === "slow").length], [5, 1]);
});

Deno.test("PacedOutlet lets a reader who keeps up have a frame that is larger than the limit", () => {
  const { outlet, socket, told } = stalledOutlet();
  const large = encodeFrame({ type: "pong", ref: "x".repeat(MAX) });
  outlet.send(large);
  assertEquals(told, ["pong"]);
  socket.take();
  outlet.send(large);
  assertEquals(told, ["pong", "pong"]);
  // It has not been taken: now the reader is slow.
  outlet.send(PONG);
  assertEquals(told, ["pong", "pong", "pong", "slow"]);
});

Deno.test("PacedOutlet is drained at once where no more than a quarter of the limit is unsent", async () => {
  using time = new FakeTime();
  const { outlet } = stalledOutlet();
  outlet.send(PONG);
  assertEquals(await hasSettled(outlet.drained(), time), true);
});

Deno.test("PacedOutlet is drained when the reader has taken enough", async () => {
  using time = new FakeTime();
  const { outlet, socket } = stalledOutlet();
  outlet.send(PONG);
  outlet.send(PONG);
  const drained = outlet.drained();
  assertEquals(await hasSettled(drained, time), false);
  await time.tickAsync(1_000);
  assertEquals(await hasSettled(drained, time), false);
  socket.take(PONG.length);
  await time.tickAsync(1_000);
  assertEquals(await hasSettled(drained, time), true);
});

Deno.test("PacedOutlet ends a wait for the reader when it is closed", async () => {
  const { outlet, socket } = stalledOutlet();
  outlet.send(PONG);
  outlet.send(PONG);
  const drained = assertRejects(() => outlet.drained(), DOMException);
  outlet.close();
  // At once: nobody waits for a socket that is gone, and no timer is left.
  await drained;
  await assertRejects(() => outlet.drained(), DOMException);
  outlet.send(PONG);
  assertEquals(socket.texts.length, 2);
});

Deno.test("PacedOutlet gives a reader up that takes nothing for 30 s while it is waited for", async () => {
  using time = new FakeTime();
  const { outlet, told } = stalledOutlet();
  outlet.send(PONG);
  outlet.send(PONG);
  const drained = assertRejects(() => outlet.drained(), DOMException);
  // In steps of the outlet's own looks: each begins the next.
  const wait = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 20) await time.tickAsync(20);
  };
  await wait(29_900);
  assertEquals(told.includes("slow"), false);
  await wait(200);
  await drained;
  assertEquals(told.filter((what) => what === "slow").length, 1);
});
