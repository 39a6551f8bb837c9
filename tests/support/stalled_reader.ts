/**
 * A client that greets, asks, and then never reads again. Needs `net`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { ClientFrame } from "../../lib/chat/protocol.ts";
import { type RawFrame, RawSocket } from "./raw_socket.ts";

/** The client. `using` drops its connection. */
export class StalledReader implements Disposable {
  readonly #socket: RawSocket;

  private constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /** Connects, waits for `session.ready`, and reads nothing from then on. */
  static async connect(address: string, token: string): Promise<StalledReader> {
    const socket = await RawSocket.knock(address, { authorization: `Bearer ${token}` });
    try {
      assertEquals((await socket.response()).status, 101);
      assertEquals((await socket.json()).type, "session.ready");
      return new StalledReader(socket);
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends a frame whose answer it will not read. */
  async send(frame: ClientFrame): Promise<void> {
    await this.#socket.sendText(JSON.stringify(frame));
  }

  /** Reads again: one frame. */
  frame(): Promise<RawFrame> {
    return this.#socket.frame();
  }

  /** Closes the connection without a word. */
  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
