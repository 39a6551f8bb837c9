/**
 * The AI SDK's own chat, unmodified, over the client's socket: as `useChat` has it, without a
 * framework. The SDK is imported when it is asked for: it needs the host's name.
 *
 * @module
 */
import type { AbstractChat, ChatState, ChatStatus, ChatTransport, UIMessage } from "ai";
import { DrawbridgeChatTransport, type DrawbridgeClient } from "../../lib/client/mod.ts";

/** A page with one chat. */
export interface Page {
  readonly chat: AbstractChat<UIMessage>;
  /** Every text that the newest message has had, one after another. */
  readonly texts: string[];
  /** Every time that the chat ended a response. */
  readonly finished: { isAbort: boolean; isDisconnect: boolean; isError: boolean }[];
}

/** The state as a framework would keep it: plain values. */
class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined = undefined;

  constructor(public messages: UIMessage[], readonly onChange: () => void) {}

  pushMessage = (message: UIMessage): void => {
    this.messages = [...this.messages, structuredClone(message)];
    this.onChange();
  };

  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };

  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages = this.messages.with(index, structuredClone(message));
    this.onChange();
  };

  snapshot = <T>(thing: T): T => structuredClone(thing);
}

/** Opens a page on thread `id` that has loaded `messages`. */
export async function openPage(
  client: DrawbridgeClient,
  { id = "t", messages = [] }: { id?: string; messages?: UIMessage[] } = {},
): Promise<Page> {
  const { AbstractChat } = await import("ai");
  class PlainChat extends AbstractChat<UIMessage> {}
  // It fits without a type argument, as in `useChat({ transport })`.
  const transport: ChatTransport<UIMessage> = new DrawbridgeChatTransport(client);
  const texts: string[] = [];
  const finished: Page["finished"] = [];
  const state = new PlainState(messages, () => {
    const text = textOf(state.messages.at(-1));
    if (text !== texts.at(-1)) texts.push(text);
  });
  const chat = new PlainChat({
    id,
    transport,
    state,
    onFinish: ({ isAbort, isDisconnect, isError }) => {
      finished.push({ isAbort, isDisconnect, isError });
    },
  });
  return { chat, texts, finished };
}

/** The text of a message. */
export function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => part.type === "text" ? part.text : "").join("");
}
