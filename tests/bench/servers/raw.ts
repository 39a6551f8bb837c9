/**
 * The reference: a bare `Deno.serve` with `upgradeWebSocket` and jose, doing the same work as the
 * server and nothing else: no origin, no limits, no metrics, no threads. `--hold` keeps callers
 * waiting until it is told to open, `--kv=<path>` opens a database for `message.send`.
 *
 * @module
 */
import { jwtVerify } from "jose";
import { setImmediate } from "node:timers";
import { type Command, control, report, type StreamOrder } from "./control.ts";

const secret = Deno.args.find((argument) => argument.startsWith("--secret="))!.slice(9);
const key = await crypto.subtle.importKey(
  "raw",
  new TextEncoder().encode(secret),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["verify"],
);
const kvPath = Deno.args.find((argument) => argument.startsWith("--kv="))?.slice(5);
const kv = kvPath === undefined ? null : await Deno.openKv(kvPath);

const gate = Promise.withResolvers<void>();
if (!Deno.args.includes("--hold")) gate.resolve();
/** Every open socket follows everything: the bench opens those that are to follow. */
const sockets = new Set<WebSocket>();

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, tcpBacklog: 4_096, onListen() {} },
  async (request) => {
    if (new URL(request.url).pathname !== "/ws") return new Response("ok");
    const token = request.headers.get("authorization")?.slice(7) ?? "";
    let payload;
    try {
      ({ payload } = await jwtVerify(token, key, { algorithms: ["HS256"] }));
    } catch {
      return new Response(null, { status: 401 });
    }
    await gate.promise;
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 30 });
    const { sub, exp } = payload;
    socket.onopen = () => {
      sockets.add(socket);
      const expiresAt = new Date(exp! * 1_000).toISOString();
      const sessionId = crypto.randomUUID();
      socket.send(JSON.stringify({ type: "session.ready", sessionId, subject: sub, expiresAt }));
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", ref: frame.id }));
      else if (frame.type === "message.send") void store(socket, sub!, frame);
    };
    socket.onclose = () => sockets.delete(socket);
    return response;
  },
);

interface SendFrame {
  readonly id: string;
  readonly threadId: string;
  readonly message: { readonly id: string; readonly text: string };
}

/** One message, one commit, then its acknowledgement. */
async function store(socket: WebSocket, subject: string, frame: SendFrame): Promise<void> {
  const { id: ref, threadId, message } = frame;
  const entry = { ...message, createdAt: new Date().toISOString() };
  await kv!.atomic().set(["message", subject, threadId, message.id], entry).commit();
  socket.send(JSON.stringify({ type: "ack", ref, threadId }));
}

/** Sends chunks, each in a frame of its own, stringified once for all who follow. */
async function stream({ ticks, perTick, delta, pauseMs, tell }: StreamOrder): Promise<void> {
  report({ event: "streaming", at: performance.timeOrigin + performance.now() });
  let index = 0;
  for (let tick = 0; tick < ticks; tick++) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (tell) report({ event: "pushed", at: performance.timeOrigin + performance.now() });
    for (let chunk = 0; chunk < perTick; chunk++, index++) {
      const text = JSON.stringify({
        type: "chunk",
        threadId: "t",
        runId: "r",
        attempt: 1,
        index,
        chunk: { type: "text-delta", id: "text-0", delta },
      });
      for (const socket of sockets) socket.send(text);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

control((command: Command) => {
  if (command.do === "open") {
    report({ event: "ready", at: performance.timeOrigin + performance.now() });
    gate.resolve();
  } else if (command.do === "stream") void stream(command);
});
report({ event: "listening", address: `http://127.0.0.1:${server.addr.port}` });
