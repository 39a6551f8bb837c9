/**
 * What the client needs of a WebSocket: the browser's own, Deno's, Node's, or that of the package
 * `ws` all have it.
 *
 * @module
 */

/** A listener; a method's parameters are compared both ways, so that every class of sockets fits. */
export type SocketListener<Event> = { handle(event: Event): void }["handle"];

/** One socket. */
export interface ClientSocket {
  /** The handshake is done. */
  onopen: SocketListener<unknown> | null;
  /** A frame came. */
  onmessage: SocketListener<{ readonly data: unknown }> | null;
  /** Something failed; `onclose` follows. */
  onerror: SocketListener<{ preventDefault?(): void }> | null;
  /** It is over. */
  onclose: SocketListener<{ readonly code: number; readonly reason: string }> | null;
  /** Sends one text frame. */
  send(data: string): void;
  /** Begins to close. */
  close(code?: number, reason?: string): void;
}

/** Makes sockets: `WebSocket`. */
export type ClientSocketConstructor = new (url: string, protocols: string[]) => ClientSocket;

/** The part of `fetch` that the client uses. */
export type ClientFetch = (
  url: string,
  init: { readonly signal: AbortSignal },
) => Promise<{ json(): Promise<unknown> }>;
