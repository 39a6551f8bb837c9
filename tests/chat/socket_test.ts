import { assertEquals } from "@std/assert";
import { WebSocketChannel } from "../../lib/chat/socket.ts";
import { needs } from "../support/permissions.ts";

const net = needs("net");

/** A server that upgrades one socket and hands it out, and a client of it. */
async function pair(): Promise<
  { server: WebSocket; client: WebSocket; closed: Promise<CloseEvent>; stop(): Promise<void> }
> {
  const { promise, resolve } = Promise.withResolvers<WebSocket>();
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.onopen = () => resolve(socket);
    return response;
  });
  const client = new WebSocket(`ws://127.0.0.1:${http.addr.port}`);
  const closed = new Promise<CloseEvent>((seen) => client.onclose = seen);
  const opened = new Promise<void>((seen) => client.onopen = () => seen());
  const [server] = await Promise.all([promise, opened]);
  const gone = new Promise<void>((seen) => server.onclose = () => seen());
  return {
    server,
    client,
    closed,
    async stop() {
      client.close();
      await Promise.all([gone, closed]);
      await http.shutdown();
    },
  };
}

Deno.test({
  ...net("WebSocketChannel sends text and counts what the peer has not taken"),
  async fn() {
    const { server, client, stop } = await pair();
    const channel = new WebSocketChannel(server);
    const received = new Promise((resolve) => client.onmessage = ({ data }) => resolve(data));
    channel.send("hello");
    assertEquals(await received, "hello");
    assertEquals(channel.bufferedAmount, 0);
    await stop();
  },
});

Deno.test({
  ...net("WebSocketChannel closes with the first code it is given, from within onmessage too"),
  async fn() {
    const { server, client, closed, stop } = await pair();
    const channel = new WebSocketChannel(server);
    server.onmessage = () => {
      channel.close(4400, "Too many bad frames");
      channel.close(1011, "Internal error");
      channel.send("still there, since the close frame follows in a macrotask");
    };
    // A second frame is readable when the first is handled.
    client.send("one");
    client.send("two");
    const { code, reason } = await closed;
    assertEquals([code, reason], [4400, "Too many bad frames"]);
    await stop();
  },
});

Deno.test({
  ...net("WebSocketChannel sends nothing and throws nothing once its socket is closed"),
  async fn() {
    const { server, closed, stop } = await pair();
    const channel = new WebSocketChannel(server);
    channel.close(1012, "Service restart");
    assertEquals((await closed).code, 1012);
    channel.send("late");
    channel.close(1000, "late");
    await stop();
  },
});
