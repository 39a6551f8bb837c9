/**
 * The AI SDK's own chat, unmodified, with its default transport, as `useChat` has it but without a
 * framework. The SDK is imported when it is asked for: it needs the host's name.
 *
 * @module
 */
import type { AbstractChat, ChatState, ChatStatus, UIMessage } from "ai";
import { publishedResponse } from "./published_http.ts";

/** How a chat is opened. */
export interface SdkChatOptions {
  /** Where the server listens. */
  readonly address: string;
  readonly token: string;
  /** The thread. */
  readonly id: string;
  /** What the page had loaded. */
  readonly messages?: UIMessage[];
  /** Makes the ids of messages. */
  readonly generateId?: () => string;
}

/** A chat and what it told. */
export interface SdkChat {
  readonly chat: AbstractChat<UIMessage>;
  /** Every request as `METHOD path status`. */
  readonly requests: string[];
  /** Every time that it ended a response. */
  readonly finished: { isAbort: boolean; isDisconnect: boolean; isError: boolean }[];
  /** The text of the newest message. */
  text(): string;
}

/** The state as a framework would keep it: plain values. */
class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined = undefined;

  constructor(public messages: UIMessage[]) {}

  pushMessage = (message: UIMessage): void => {
    this.messages = [...this.messages, message];
  };

  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };

  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages = this.messages.with(index, structuredClone(message));
  };

  snapshot = <T>(thing: T): T => structuredClone(thing);
}

/** Opens a chat. Nothing is asked before it is told to. */
export async function openSdkChat(options: SdkChatOptions): Promise<SdkChat> {
  const { AbstractChat, DefaultChatTransport } = await import("ai");
  const { address, token, id, messages = [], generateId } = options;
  const requests: string[] = [];
  const finished: SdkChat["finished"] = [];
  const transport = new DefaultChatTransport({
    api: `${address}/api/chat`,
    headers: { Authorization: `Bearer ${token}` },
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const { pathname: path } = new URL(response.url);
      await publishedResponse({ method: init?.method ?? "GET", path }, response);
      requests.push(`${init?.method} ${path} ${response.status}`);
      return response;
    },
  });
  class PlainChat extends AbstractChat<UIMessage> {}
  const chat = new PlainChat({
    id,
    transport,
    state: new PlainState(messages),
    onFinish: ({ isAbort, isDisconnect, isError }) => {
      finished.push({ isAbort, isDisconnect, isError });
    },
    ...(generateId === undefined ? {} : { generateId }),
  });
  return { chat, requests, finished, text: () => textOf(chat.messages.at(-1)) };
}

/** The text of a message. */
export function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => part.type === "text" ? part.text : "").join("");
}
