/**
 * A peer: `socket.io` on Node, over WebSocket only, with the same token check.
 *
 * @module
 */
import { createServer } from "node:http";
import { claimsOf, greeting, load, opened, serve } from "./peer.mjs";

const { Server } = load("socket.io");
const server = createServer((_request, response) => response.end("ok"));
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });

io.use(async (socket, next) => {
  try {
    socket.data.claims = await claimsOf(socket.handshake.headers);
    await opened;
    next();
  } catch (error) {
    next(error);
  }
});
io.on("connection", (socket) => {
  socket.on("ping", ({ id }) => socket.emit("pong", { ref: id }));
  socket.emit("session.ready", greeting(socket.data.claims));
});

serve(server, (frame) => io.emit("chunk", frame));
