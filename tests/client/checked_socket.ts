/**
 * The platform's socket, each of whose frames is held against the published document in passing.
 *
 * @module
 */
import { asPublished } from "../support/published.ts";

/** A `WebSocket` for the client under test. */
export class CheckedWebSocket extends WebSocket {
  /** Connects. */
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    // What is thrown here fails the test.
    this.addEventListener("message", ({ data }) => void asPublished("server", JSON.parse(data)));
  }

  override send(data: string): void {
    asPublished("client", JSON.parse(data));
    super.send(data);
  }
}
