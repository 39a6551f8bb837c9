/**
 * The client of Drawbridge for browsers, Deno and Node: one socket that comes back by itself,
 * messages that arrive once, answers without a gap or a doubled word.
 *
 * ```ts ignore
 * import { DrawbridgeClient } from "@drawbridge/server/client";
 *
 * await using client = new DrawbridgeClient({
 *   address: "https://chat.example.com",
 *   token: () => fetch("/token").then((response) => response.text()),
 * });
 * client.subscribe((state) => console.log(state.kind));
 * const { run } = await client.send("thread-1", "Hello");
 * for await (const text of run.text()) console.log(text);
 * ```
 *
 * @module
 */
export type {
  AssistantEntry,
  Entry,
  MessagePart,
  OnBusy,
  Outcome,
  RunStartedEntry,
  UserEntry,
} from "../chat/protocol.ts";
export type { ErrorCode } from "../errors.ts";
export type { BackoffOptions } from "./backoff.ts";
export { type ClientOptions, DrawbridgeClient } from "./client.ts";
export {
  type ClientErrorCode,
  DrawbridgeError,
  type DrawbridgeErrorOptions,
} from "./client_error.ts";
export type { ClientState, StartupPhase, StateListener } from "./events.ts";
export type { Chunk, ServerFrameOf, Session } from "./frames.ts";
export type { Acknowledgement, UnsentMessage } from "./outbox.ts";
export type { Run, RunEvent } from "./run.ts";
export type {
  ClientFetch,
  ClientSocket,
  ClientSocketConstructor,
  SocketListener,
} from "./socket.ts";
export { type SendOptions, type SentMessage, Thread } from "./thread.ts";
export type { NumberedEntry, OpenedThread } from "./thread_parts.ts";
export type { TokenCallback, TokenReason } from "./tokens.ts";
export {
  DrawbridgeChatTransport,
  type SendMessagesOptions,
  type TransportMessage,
  type TransportOptions,
} from "./transport.ts";
export { type UiMessage, uiMessagesOf } from "./ui_messages.ts";
