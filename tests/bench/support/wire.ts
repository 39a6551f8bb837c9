/**
 * A WebSocket client that costs as little as it can: one TCP connection, frames by hand (RFC 6455),
 * payloads as bytes. Deno's own client would be slower than the servers it measures.
 *
 * @module
 */

/** Takes the payload of one text frame; it is only valid during the call. */
export type OnText = (payload: Uint8Array, wire: Wire) => void;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes that one read takes at most: grown where a socket has more to read. */
const FIRST_BUFFER_BYTES = 1_024;
const LONGEST_BUFFER_BYTES = 262_144;

/** One open WebSocket. */
export class Wire {
  /** Takes each text. */
  onText: OnText;
  /** Called once, when the connection has ended; `code` is the close frame's, 0 where there was none. */
  onEnd: (code: number) => void = () => {};
  readonly #connection: Deno.TcpConn;
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #filled = 0;
  #closeCode = 0;
  #writing: Promise<void> | null = null;
  #waiting: Uint8Array[] = [];

  private constructor(connection: Deno.TcpConn, onText: OnText) {
    this.#connection = connection;
    this.onText = onText;
  }

  /**
   * Connects and writes the handshake; resolves when that is written, so that the answer may come
   * as late as it likes. `onUpgraded` is called with the HTTP status.
   */
  static async knock(
    { port, request, onText, onUpgraded }: {
      port: number;
      request: Uint8Array;
      onText: OnText;
      onUpgraded: (status: number, wire: Wire) => void;
    },
  ): Promise<Wire> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const wire = new Wire(connection, onText);
    await wire.#write(request);
    void wire.#read(onUpgraded);
    return wire;
  }

  /** Sends bytes as they are: frames of {@linkcode textFrame}. Those of one turn go out together. */
  send(bytes: Uint8Array): void {
    if (this.#writing !== null) {
      this.#waiting.push(bytes);
      return;
    }
    this.#writing = this.#write(bytes).catch(() => {}).then(() => {
      this.#writing = null;
      if (this.#waiting.length === 0) return;
      const rest = joined(this.#waiting);
      this.#waiting = [];
      this.send(rest);
    });
  }

  /** Ends the connection without a word. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // It is closed.
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.#connection.write(rest));
    }
  }

  async #read(onUpgraded: (status: number, wire: Wire) => void): Promise<void> {
    let upgraded = false;
    try {
      while (true) {
        if (this.#filled === this.#buffer.length) this.#grow();
        const count = await this.#connection.read(this.#buffer.subarray(this.#filled));
        if (count === null) break;
        this.#filled += count;
        if (!upgraded) {
          const end = headEnd(this.#buffer, this.#filled);
          if (end === -1) continue;
          upgraded = true;
          onUpgraded(Number(decoder.decode(this.#buffer.subarray(9, 12))), this);
          this.#take(end);
        } else this.#take(0);
      }
    } catch {
      // It was cut, or closed from here.
    }
    this.close();
    this.onEnd(this.#closeCode);
  }

  /** Hands out the whole frames from `from` on, and keeps what is left of the next. */
  #take(from: number): void {
    const buffer = this.#buffer;
    const filled = this.#filled;
    let at = from;
    while (at + 2 <= filled) {
      let length = buffer[at + 1]! & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (at + 4 > filled) break;
        length = buffer[at + 2]! << 8 | buffer[at + 3]!;
        start = at + 4;
      } else if (length === 127) {
        if (at + 10 > filled) break;
        // Nothing here is longer than 4 GB.
        length = new DataView(buffer.buffer).getUint32(at + 6);
        start = at + 10;
      }
      if (start + length > filled) break;
      const opcode = buffer[at]! & 0x0f;
      const payload = buffer.subarray(start, start + length);
      if (opcode === 1) this.onText(payload, this);
      else if (opcode === 8) this.#closeCode = payload[0]! << 8 | payload[1]!;
      else if (opcode === 9) this.send(frame(10, payload.slice()));
      at = start + length;
    }
    if (at > 0 && at < filled) buffer.copyWithin(0, at, filled);
    this.#filled = filled - at;
  }

  #grow(): void {
    const larger = new Uint8Array(
      Math.max(Math.min(this.#buffer.length * 4, LONGEST_BUFFER_BYTES), this.#filled * 2),
    );
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}

/** The bytes of a handshake with a token, `target` being `/ws` where left out. */
export function handshake(token: string, target = "/ws"): Uint8Array {
  return encoder.encode(
    `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      `Authorization: Bearer ${token}\r\n\r\n`,
  );
}

/** The bytes of one masked text frame. */
export function textFrame(text: string): Uint8Array {
  return frame(1, encoder.encode(text));
}

/** Several arrays as one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The text of a payload. */
export function textOf(payload: Uint8Array): string {
  return decoder.decode(payload);
}

function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  const head = [0x80 | opcode, ...size, 0, 0, 0, 0];
  // A mask of zeros leaves the payload as it is.
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}

function headEnd(bytes: Uint8Array, filled: number): number {
  for (let at = 0; at + 3 < filled; at++) {
    if (
      bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10
    ) return at + 4;
  }
  return -1;
}
