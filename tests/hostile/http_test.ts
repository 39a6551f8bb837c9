import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import {
  type HostileHandshake,
  hostileHandshakes,
  type HostileRequest,
  hostileRequests,
  mayUpgrade,
} from "../support/arbitraries.ts";
import { orHang } from "../support/feed.ts";
import { needsServer } from "../support/server_process.ts";
import { Arena, Tally } from "./arena.ts";

/** Runs of each property and connections in each run: 2,400 handshakes, 2,000 requests. */
const HANDSHAKE_RUNS = 120;
const REQUEST_RUNS = 100;
const LANES = 20;

/** What a connection was answered, or that it was ended without a word. */
type Answer =
  | { readonly status: number; readonly headers: Headers; readonly body: string }
  | "cut";

/** One TCP connection on which everything can be wrong, also the end. */
class Wire implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(address: string): Promise<Wire> {
    const { hostname, port } = new URL(address);
    return new Wire(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends Latin-1 or bytes, all at once or a byte at a time, as far as somebody listens. */
  async send(
    data: string | Uint8Array,
    { slowly = false }: { slowly?: boolean } = {},
  ): Promise<void> {
    const bytes = typeof data === "string"
      ? Uint8Array.from(data, (character) => character.charCodeAt(0))
      : data;
    // A request of thousands of bytes proves nothing more.
    const slow = slowly ? Math.min(bytes.length, 120) : 0;
    try {
      for (let at = 0; at < slow; at++) await this.#write(bytes.subarray(at, at + 1));
      await this.#write(bytes.subarray(slow));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#connection.closeWrite();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Reads one response, a body only where its length is told and one may come. */
  async answer(what: string, { bodiless = false } = {}): Promise<Answer> {
    let text = "";
    const block = new Uint8Array(65_536);
    while (true) {
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
        const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
        const headers = new Headers(lines.map((line): [string, string] => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).trim()];
        }));
        const length = Number(headers.get("content-length") ?? 0);
        const body = text.slice(end + 4);
        if (status === 100) {
          text = body;
          continue;
        }
        if (bodiless || status === 101 || body.length >= length) {
          return { status, headers, body: body.slice(0, bodiless ? 0 : length) };
        }
      }
      const count = await orHang(this.#read(block), `the answer to ${what}`);
      if (count === null) return "cut";
      text += new TextDecoder("latin1").decode(block.subarray(0, count));
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.#connection.write(rest));
    }
  }

  async #read(block: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(block);
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected;
}

/** Asserts of any answer that it is no fault of the server's, and, of a refusal, that it says why. */
function assertRefusal(answer: Answer, arena: Arena, show: () => string): void {
  if (answer === "cut") return;
  const { status, headers, body } = answer;
  assert(status >= 200 && status < 500, `${status} to ${show()}`);
  if (headers.get("content-type") !== "application/problem+json") return;
  arena.inspect(body);
  if (body === "") return;
  const problem = JSON.parse(body);
  assertEquals([problem.status, problem.requestId], [status, headers.get("x-request-id")]);
  assert(typeof problem.code === "string" && typeof problem.detail === "string");
}

async function shakeHands(arena: Arena, handshake: HostileHandshake): Promise<string> {
  const { method, target, headers, rest, delivery, framed } = handshake;
  const fill = (text: string) =>
    text.replaceAll("TOKEN", arena.token).replaceAll("HOST", new URL(arena.server.address).host);
  const lines = headers.map(([name, value]) => `${name}: ${fill(value)}\r\n`).join("");
  const request = `${method} ${fill(target)} HTTP/1.1\r\n${lines}\r\n${rest}`;
  const show = () => JSON.stringify(handshake).replace(/(.)\1{99,}/g, "$1…").slice(0, 2_000);

  using wire = await Wire.connect(arena.server.address);
  if (delivery === "cut") {
    await wire.send(request.slice(0, request.length / 2));
    return "left";
  }
  await wire.send(delivery === "pipelined" ? request + request : request, {
    slowly: delivery === "slow",
  });
  if (delivery === "half-closed") await wire.closeWrite();
  const answer = await wire.answer(show(), { bodiless: method === "HEAD" });
  if (answer === "cut") return "cut";
  const { status } = answer;
  if (status === 101) assert(mayUpgrade(handshake), `upgraded ${show()}`);
  else assertRefusal(answer, arena, show);
  // Everything that was wrong with it was undone again, and no parser stumbles over what is left.
  const isGood = mayUpgrade(handshake) && !framed && target === "/ws" &&
    headers.filter(([name]) => name === "Host").map(([, value]) => value.trim()).join() ===
      "HOST" &&
    headers.every(([, value]) => /^[\t\x20-\x7e]*$/.test(value));
  if (isGood && delivery === "whole") assertEquals(status, 101, show());
  return String(status);
}

async function ask(arena: Arena, { method, path, headers, body }: HostileRequest): Promise<string> {
  const bytes = new TextEncoder().encode(body);
  const lines = Object.entries({
    "host": new URL(arena.server.address).host,
    "connection": "close",
    ...(body === undefined ? {} : { "content-length": String(bytes.length) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value.replace("TOKEN", arena.token)}\r\n`);
  const show = () =>
    `${method} ${path.slice(0, 500)} ${JSON.stringify(headers)} ${body?.slice(0, 500)}`;
  using wire = await Wire.connect(arena.server.address);
  await wire.send(
    `${method} ${path.replace("TOKEN", "eyJ")} HTTP/1.1\r\n${lines.join("")}\r\n`,
  );
  await wire.send(bytes);
  const answer = await wire.answer(show(), { bodiless: method === "HEAD" });
  assertRefusal(answer, arena, show);
  return answer === "cut" ? "cut" : String(answer.status);
}

Deno.test({
  ...needsServer(
    "a server upgrades or refuses each of 2,400 hostile handshakes as the contract says, and a canary chats on",
  ),
  fn: () =>
    Arena.run(async (arena) => {
      const tally = new Tally();
      const property = fc.asyncProperty(
        fc.array(hostileHandshakes, { minLength: LANES, maxLength: LANES }),
        async (handshakes) => {
          await Promise.all(handshakes.map(async (handshake) => {
            tally.add(handshake.delivery, await shakeHands(arena, handshake));
          }));
        },
      );
      await arena.attack("handshakes", {
        tally,
        attack: (seed) =>
          fc.assert(property, { seed, numRuns: HANDSHAKE_RUNS / 2, endOnFailure: true }),
      });
      assertEquals(tally.total, HANDSHAKE_RUNS * LANES);
    }),
});

Deno.test({
  ...needsServer("a server answers each of 2,000 hostile HTTP requests, and a canary chats on"),
  fn: () =>
    Arena.run(async (arena) => {
      const tally = new Tally();
      const property = fc.asyncProperty(
        fc.array(hostileRequests, { minLength: LANES, maxLength: LANES }),
        async (requests) => {
          await Promise.all(requests.map(async (request) => {
            tally.add(request.method, await ask(arena, request));
          }));
        },
      );
      await arena.attack("requests", {
        tally,
        attack: (seed) =>
          fc.assert(property, { seed, numRuns: REQUEST_RUNS / 2, endOnFailure: true }),
      });
      assertEquals(tally.total, REQUEST_RUNS * LANES);
    }),
});

Deno.test({
  ...needsServer(
    "a server answers every method, target and Host that makes an address without a host or path",
  ),
  fn: () =>
    Arena.run(async (arena) => {
      const methods = ["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PRI"];
      const targets = [
        "/ws",
        "/ws?jwt=",
        "/",
        "/api/threads",
        "*",
        "?x",
        "a:80",
        "http://e?",
        "http:///ws",
      ];
      const hosts = ["Host: \r\n", "Host: a\r\n", "Host: ?\r\n", "Host: a/b\r\n", ""];
      const codes = new Set<string>();
      for (const method of methods) {
        for (const target of targets) {
          for (const host of hosts) {
            const request = `${method} ${target} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
            using wire = await Wire.connect(arena.server.address);
            await wire.send(request);
            const answer = await wire.answer(request, { bodiless: method === "HEAD" });
            assertRefusal(answer, arena, () => request);
            codes.add(answer === "cut" ? answer : String(answer.status));
          }
        }
      }
      // Of the page, of a handshake and of the API: they were found.
      for (const status of ["200", "405", "426"]) assert(codes.has(status), [...codes].join());
    }),
});

Deno.test({
  ...needsServer("a body that breaks off, or that is framed wrongly, is nobody's fault here"),
  fn: () =>
    Arena.run(async (arena) => {
      const bodies = [
        'Content-Length: 100\r\n\r\n{"id":',
        "Transfer-Encoding: chunked\r\n\r\n20\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
      ];
      const authorization = `Authorization: Bearer ${arena.token}\r\n`;
      for (const path of ["/health", "/nowhere", "/api/threads", "/api/chat", "/auth/dev-token"]) {
        for (const body of bodies) {
          for (const end of ["half-closed", "left"]) {
            const request = `POST ${path} HTTP/1.1\r\nHost: a\r\n${authorization}${body}`;
            using wire = await Wire.connect(arena.server.address);
            await wire.send(request);
            if (end === "left") continue;
            await wire.closeWrite();
            assertRefusal(await wire.answer(request), arena, () => request);
          }
        }
      }
    }),
});
