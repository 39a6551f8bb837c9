/**
 * HTTP and WebSocket by hand over one TCP connection, so that every byte can be
 * wrong. Needs `net`.
 *
 * @module
 */
import { orHang } from "./feed.ts";
import { asPublished } from "./published.ts";
import { type Answered, type AskedFor, assertPublished } from "./published_http.ts";

/** One request. */
export interface RawRequest {
  /** `GET` where left out. */
  readonly method?: string;
  /** The request target; `/ws` where left out. */
  readonly target?: string;
  /** In this order, sent as they are, Latin-1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** UTF-8; `Content-Length` is up to the headers. */
  readonly body?: string;
}

/** One response, its body read. A 101 has none. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One WebSocket frame. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** How a socket was closed. */
export interface RawClose {
  readonly code: number;
  readonly reason: string;
}

/** Opcodes of RFC 6455 §5.2. */
export const OPCODES = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Changes of a handshake's headers: other values, several of one name, or none. */
export type HeaderChanges = Readonly<Record<string, string | readonly string[] | null>>;

/** The headers of a valid handshake, with `changes` over them by lower-case name. */
export function handshakeHeaders(
  address: string,
  changes: HeaderChanges = {},
): (readonly [string, string])[] {
  const headers: HeaderChanges = {
    "host": new URL(address).host,
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...changes,
  };
  return Object.entries(headers).flatMap(([name, value]) =>
    (value === null ? [] : typeof value === "string" ? [value] : value)
      .map((one) => [name, one] as const)
  );
}

/** One TCP connection to a server. `using` closes it. */
export class RawSocket implements Disposable {
  readonly #connection: Deno.TcpConn;
  #buffer = new Uint8Array(0);
  /** Requests without a response so far. */
  readonly #asked: AskedFor[] = [];

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to an `http://host:port` address. */
  static async connect(address: string): Promise<RawSocket> {
    const { hostname, port } = new URL(address);
    return new RawSocket(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends a WebSocket handshake and waits for nothing; `changes` as in {@linkcode handshakeHeaders}. */
  static async knock(
    address: string,
    changes: HeaderChanges = {},
    request: Omit<RawRequest, "headers"> = {},
  ): Promise<RawSocket> {
    const socket = await RawSocket.connect(address);
    await socket.send({ ...request, headers: handshakeHeaders(address, changes) });
    return socket;
  }

  /** Sends a request. */
  async send({ method = "GET", target = "/ws", headers, body = "" }: RawRequest): Promise<void> {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
    this.#asked.push({ method, path: target });
    await this.write(latin1(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`));
    await this.write(new TextEncoder().encode(body));
  }

  /** Reads one response with its body. To a request that was sent as one it must be a published one. */
  async response(): Promise<RawResponse> {
    const { status, headers } = await this.#head();
    const isBodiless = status === 101 || status === 204 || status === 304;
    const bytes = isBodiless ? new Uint8Array(0) : await this.#body(headers);
    const body = new TextDecoder().decode(bytes);
    this.#assertPublished({ status, headers, body });
    return { status, headers, body };
  }

  /** Reads a response up to its body, which may have no end. */
  async head(): Promise<Omit<RawResponse, "body">> {
    const head = await this.#head();
    this.#assertPublished({ ...head, body: null });
    return head;
  }

  #assertPublished(answered: Answered): void {
    const asked = this.#asked.shift();
    if (asked !== undefined) assertPublished(asked, answered);
  }

  async #head(): Promise<Omit<RawResponse, "body">> {
    const [statusLine = "", ...lines] = (await this.#through("\r\n\r\n")).trimEnd().split("\r\n");
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]), headers };
  }

  /** Sends one masked text frame. */
  async sendText(text: string): Promise<void> {
    await this.sendFrame(OPCODES.text, new TextEncoder().encode(text));
  }

  /** Sends one whole, masked frame. */
  async sendFrame(opcode: number, payload: Uint8Array): Promise<void> {
    const { length } = payload;
    const size = length < 126
      ? [0x80 | length]
      : length < 65_536
      ? [0xfe, length >> 8, length & 0xff]
      : [0xff, 0, 0, 0, 0, length >>> 24, length >> 16 & 0xff, length >> 8 & 0xff, length & 0xff];
    // A mask of zeros leaves the payload as it is.
    await this.write(Uint8Array.of(0x80 | opcode, ...size, 0, 0, 0, 0));
    await this.write(payload);
  }

  /** Reads one frame, which a server must not fragment or mask here. */
  async frame(): Promise<RawFrame> {
    const [first, second] = await this.#take(2);
    const short = second! & 0x7f;
    const size = short < 126 ? [] : [...await this.#take(short === 126 ? 2 : 8)];
    const length = size.length === 0 ? short : size.reduce((sum, byte) => sum * 256 + byte, 0);
    return { opcode: first! & 0x0f, payload: await this.#take(length) };
  }

  /** Reads frames up to the next text, and parses that as JSON: a frame as it is published. */
  async json(): Promise<Record<string, unknown>> {
    while (true) {
      const { opcode, payload } = await this.frame();
      if (opcode === OPCODES.close) throw new Error(`It closed: ${JSON.stringify(read(payload))}`);
      if (opcode === OPCODES.text) {
        return asPublished("server", JSON.parse(new TextDecoder().decode(payload)));
      }
    }
  }

  /** Reads frames up to the close frame. */
  async closed(): Promise<RawClose> {
    while (true) {
      const { opcode, payload } = await this.frame();
      if (opcode === OPCODES.close) return read(payload);
    }
  }

  /** Sends bytes as they are. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.#connection.write(rest));
    }
  }

  /** Sends the end of the stream, and goes on reading. */
  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite();
  }

  /** Closes the connection without a word. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #body(headers: Headers): Promise<Uint8Array> {
    const length = headers.get("content-length");
    if (length !== null) return await this.#take(Number(length));
    if (headers.get("transfer-encoding") !== "chunked") {
      while (await this.#fill());
      return await this.#take(this.#buffer.length);
    }
    const chunks: number[] = [];
    while (true) {
      const size = parseInt(await this.#through("\r\n"), 16);
      chunks.push(...await this.#take(size));
      await this.#through("\r\n");
      if (size === 0) return Uint8Array.from(chunks);
    }
  }

  async #through(mark: string): Promise<string> {
    while (true) {
      const text = new TextDecoder("latin1").decode(this.#buffer);
      const end = text.indexOf(mark);
      if (end >= 0) {
        this.#buffer = this.#buffer.slice(end + mark.length);
        return text.slice(0, end + mark.length);
      }
      if (!await this.#fill()) throw new Error(`The stream ended after ${JSON.stringify(text)}`);
    }
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#buffer.length < count) {
      if (!await this.#fill()) throw new Error("The stream ended within a body or frame");
    }
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.slice(count);
    return taken;
  }

  async #fill(): Promise<boolean> {
    const block = new Uint8Array(16_384);
    const count = await orHang(this.#connection.read(block), "bytes of the server");
    if (count === null) return false;
    const joined = new Uint8Array(this.#buffer.length + count);
    joined.set(this.#buffer);
    joined.set(block.subarray(0, count), this.#buffer.length);
    this.#buffer = joined;
    return true;
  }
}

/** One plain request over a connection of its own. */
export interface HttpRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request and reads its response; no connection is kept or shared. */
export async function httpRequest(
  address: string,
  { method = "GET", path = "/", headers = {}, body }: HttpRequest,
): Promise<RawResponse> {
  using socket = await RawSocket.connect(address);
  const length = new TextEncoder().encode(body ?? "").length;
  await socket.send({
    method,
    target: path,
    headers: [
      ["host", new URL(address).host],
      ["connection", "close"],
      ...(body === undefined ? [] : [["content-length", String(length)] as const]),
      ...Object.entries(headers),
    ],
    ...(body === undefined ? {} : { body }),
  });
  return await socket.response();
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function read(payload: Uint8Array): RawClose {
  const [high = 0, low = 0] = payload;
  return { code: high * 256 + low, reason: new TextDecoder().decode(payload.subarray(2)) };
}
