import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Principal } from "../../lib/auth/principal.ts";
import { Deadlines } from "../../lib/chat/deadlines.ts";
import { Metrics } from "../../lib/observe/metrics.ts";
import type { ServerContext } from "../../lib/server_context.ts";
import type { Services } from "../../lib/services.ts";
import type { Admitted } from "../../lib/startup/passage.ts";
import { ServedSocket } from "../../routes/served_socket.ts";

/** A platform socket that opens when a test says so. */
class SlowSocket extends EventTarget {
  readyState: number = WebSocket.CONNECTING;
  readonly bufferedAmount = 0;
  readonly codes: string[] = [];
  readonly closings: number[] = [];

  open(): void {
    this.readyState = WebSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  send(text: string): void {
    this.codes.push(JSON.parse(text).code);
  }

  close(code: number): void {
    this.closings.push(code);
    this.readyState = WebSocket.CLOSED;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }
}

Deno.test("ServedSocket refuses a socket that opens once its place was given back", async () => {
  using time = new FakeTime();
  const onFault = (error: unknown): never => {
    throw error;
  };
  const server = {
    log: { error: (_: string, { error }: { error: unknown }) => onFault(error) },
    metrics: new Metrics(),
    gate: { draining: false },
    sessions: { deadlines: new Deadlines({ onFault }) },
  };
  const held: string[] = [];
  const socket = new SlowSocket();
  ServedSocket.serve(socket as unknown as WebSocket, {
    server: server as unknown as ServerContext,
    requestId: "r",
    connection: { register: () => held.push("registered"), release: () => held.push("released") },
    // Nobody looks at it any more.
    admitted: { verdict: { kind: "ready" } } as unknown as Admitted<Services, Principal>,
  });
  await time.tickAsync(11_000);
  assertEquals(held, ["released"]);
  socket.open();
  await time.tickAsync(1_000);
  assertEquals([socket.codes, socket.closings], [["SERVICE_UNAVAILABLE"], [1011]]);
  assertEquals(held.includes("registered"), false);
});
