/**
 * A peer: `ws` on Node's HTTP server, with the same token check.
 *
 * @module
 */
import { createServer } from "node:http";
import { claimsOf, greeting, load, opened, serve } from "./peer.mjs";

const { WebSocketServer } = load("ws");
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer((_request, response) => response.end("ok"));

server.on("upgrade", async (request, connection, head) => {
  let claims;
  try {
    claims = await claimsOf(request.headers);
  } catch {
    connection.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
    return;
  }
  await opened;
  sockets.handleUpgrade(request, connection, head, (socket) => {
    socket.on("message", (data) => {
      const frame = JSON.parse(data.toString());
      if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", ref: frame.id }));
    });
    sockets.emit("connection", socket, request);
    socket.send(JSON.stringify(greeting(claims)));
  });
});

serve(server, (frame) => {
  const text = JSON.stringify(frame);
  for (const socket of sockets.clients) socket.send(text);
});
