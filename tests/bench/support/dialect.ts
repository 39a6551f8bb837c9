/**
 * How one talks to a target: frames of this server's protocol, or socket.io's packets around the
 * same content.
 *
 * @module
 */
import type { TargetName } from "../bench.ts";
import { textFrame, textOf, type Wire } from "./wire.ts";

/** What a text is about, by the first letters of its type. */
export type Kind = "ready" | "pong" | "ack" | "chunk" | "chunks" | "entry" | "opened" | "other";

/** One protocol. */
export interface Dialect {
  /** Where to connect to. */
  readonly path: string;
  /** What a text is; answers by itself what belongs to the protocol below. */
  readonly kindOf: (payload: Uint8Array, wire: Wire) => Kind;
  /** A whole client frame. */
  readonly encode: (
    frame: { readonly type: string; readonly [field: string]: unknown },
  ) => Uint8Array;
}

const DRAWBRIDGE: Dialect = {
  path: "/ws",
  // {"type":"…
  kindOf: (payload) => kindAt(payload, 9),
  encode: (frame) => textFrame(JSON.stringify(frame)),
};

const CONNECT = textFrame("40");
const PONG = textFrame("3");

const SOCKET_IO: Dialect = {
  path: "/socket.io/?EIO=4&transport=websocket",
  kindOf(payload, wire) {
    const first = payload[0];
    // Engine.IO's open and ping; Socket.IO's connected.
    if (first === 48) wire.send(CONNECT);
    else if (first === 50) wire.send(PONG);
    // 42["…
    else if (payload[1] === 50) return kindAt(payload, 4);
    return "other";
  },
  encode: (frame) => textFrame(`42${JSON.stringify([frame.type, frame])}`),
};

/** How to talk to a target. */
export function dialectOf(target: TargetName): Dialect {
  return target === "socket.io" ? SOCKET_IO : DRAWBRIDGE;
}

/** Chunks that a frame carries. */
export function chunksIn(payload: Uint8Array, kind: Kind): number {
  return kind === "chunk" ? 1 : textOf(payload).split('"type":"text-delta"').length - 1;
}

function kindAt(payload: Uint8Array, at: number): Kind {
  switch (payload[at]) {
    case 115: // s
      return "ready";
    case 112: // p
      return "pong";
    case 97: // a
      return "ack";
    case 99: // chunk" or chunks"
      return payload[at + 5] === 115 ? "chunks" : "chunk";
    case 101: // en or er
      return payload[at + 1] === 110 ? "entry" : "other";
    case 116: // thread.opened
      return "opened";
    default:
      return "other";
  }
}
