/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The conversation and the field below it.
 *
 * @module
 */
import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Home } from "../state/chat.ts";
import type { Conversation } from "../state/conversation.ts";
import { withReturned } from "../state/drafts.ts";
import { turnsOf } from "../state/turns.ts";
import { Announcements } from "./announcements.tsx";
import { Composer, type Draft } from "./composer.tsx";
import { Empty } from "./empty.tsx";
import { Icon } from "./icon.tsx";
import { TurnView } from "./turn.tsx";
import { useEnd } from "./use_end.ts";
import { useKeptFocus } from "./use_kept_focus.ts";
import { useShortcuts } from "./use_shortcuts.ts";

/** Turns that are shown at first; earlier ones on demand. */
const PAGE = 30;

/** Shows one conversation. */
export function ConversationView(
  { home, conversation, isConnected }: {
    readonly home: Home;
    readonly isConnected: boolean;
    readonly conversation: Conversation;
  },
): JSX.Element {
  const { id } = conversation;
  const view = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const foot = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState<Draft>(() => ({ text: home.drafts.read(id) }));
  const [pages, setPages] = useState(1);
  const [fault, setFault] = useState<string | null>(null);
  const end = useEnd(view, content, id);
  const turns = useComputed(() =>
    turnsOf(
      conversation.entries.value,
      conversation.running.value,
      home.sender.items.value.filter(({ threadId }) => threadId === id),
    )
  ).value;
  const running = turns.find(({ state }) => state.kind === "running")?.state;
  const stop = running?.kind === "running"
    ? () => void tell(conversation.stop(running.runId))
    : null;
  useShortcuts({ field, onStop: stop });
  // On a touch screen the keyboard would cover what there is to read.
  const canHover = matchMedia("(hover: hover)").matches;
  useEffect(() => {
    if (canHover) field.current?.focus();
  }, []);
  const resting = (): HTMLElement | null => canHover ? field.current : view.current;
  useKeptFocus(view, () => view.current);
  useKeptFocus(foot, resting);

  const tell = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
      setFault(null);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  const send = (text: string): void => {
    setFault(null);
    home.sender.send(id, text);
    end.follow();
  };
  const unsentOf = (message: string) =>
    home.sender.items.peek().find((item) => item.id === message && item.threadId === id);
  const actions = {
    onRegenerate: () => {
      end.follow();
      void tell(conversation.regenerate());
    },
    onSendAgain: (message: string) => {
      const item = unsentOf(message);
      if (item !== undefined) home.sender.again(item);
    },
    onEdit: (message: string) => {
      const item = unsentOf(message);
      if (item === undefined) return;
      home.sender.discard(item);
      const text = withReturned(field.current?.value ?? "", item.text);
      home.drafts.write(id, text);
      setDraft({ text });
      field.current?.focus();
    },
  };
  const shown = turns.slice(-PAGE * pages);
  const lastStored = turns.findLast(({ state }) => state.kind === "answered")?.question.id;
  const canRegenerate = running === undefined && turns.at(-1)?.question.id === lastStored;
  return (
    <>
      <div
        class="scroll"
        ref={view}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        tabIndex={0}
      >
        <div class="turns" ref={content}>
          {turns.length === 0 && (
            <Empty
              phase={conversation.phase.value}
              isConnected={isConnected}
              onExample={(text) => {
                send(text);
                resting()?.focus();
              }}
            />
          )}
          {shown.length < turns.length && (
            <button
              type="button"
              class="quiet earlier"
              onClick={() => setPages(pages + 1)}
            >
              Show earlier messages
            </button>
          )}
          {shown.map((turn) => (
            <TurnView
              key={turn.question.id}
              turn={turn}
              isLast={canRegenerate && turn.question.id === lastStored}
              actions={actions}
            />
          ))}
        </div>
      </div>
      <div class="foot" ref={foot}>
        {!end.isFollowing.value && (
          <button type="button" class="to-end" onClick={end.follow}>
            <Icon name="down" />
            Jump to latest
          </button>
        )}
        {fault !== null && <p class="fault" role="alert">That did not work. {fault}</p>}
        <Composer
          fieldRef={field}
          draft={draft}
          onDraft={(text) => home.drafts.write(id, text)}
          onSend={send}
          onStop={stop}
          maxBytes={home.messageBytes}
        />
      </div>
      <Announcements turns={turns} />
    </>
  );
}
