/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * One turn of a conversation: a question, and what came of it.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { MessagePart } from "../../../../lib/chat/protocol.ts";
import { cut } from "../state/cut.ts";
import { textOf, type Turn, type TurnState } from "../state/turns.ts";
import { AnswerParts, Ending, hasFailed } from "./answer.tsx";
import { CopyButton } from "./copy_button.tsx";
import { Icon } from "./icon.tsx";

/** What can be done with a turn. */
export interface TurnActions {
  /** Another answer to the last message. */
  readonly onRegenerate: () => void;
  /** Sends a refused message again. */
  readonly onSendAgain: (id: string) => void;
  /** Takes a refused message back into the field. */
  readonly onEdit: (id: string) => void;
}

/** Longest message that is shown whole at first, characters. */
const MAX_MESSAGE = 1_500;

/** Time that a message may take to be stored, milliseconds, before its reader is told. */
const LATE_MS = 600;

/** Shows a turn. */
export function TurnView(
  { turn, isLast, actions }: {
    readonly turn: Turn;
    readonly isLast: boolean;
    readonly actions: TurnActions;
  },
): JSX.Element {
  const { question, state } = turn;
  const isLate = useLate(state.kind === "unsent" || state.kind === "queued");
  const look = isLate || state.kind === "refused" ? state.kind : "";
  return (
    <div class="turn">
      <article class={`question ${look}`} aria-label={`You, ${clock(question.time)}`}>
        <h2 class="sr">You</h2>
        <QuestionText text={question.text} />
        {look !== "" && <Delivery state={state} id={question.id} actions={actions} />}
      </article>
      <Reply turn={turn} isLast={isLast} actions={actions} />
    </div>
  );
}

/** Whether it has been so for a while: what passes at once is not worth a word. */
function useLate(isSo: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isSo) return setLate(false);
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, [isSo]);
  return isSo && isLate;
}

function QuestionText({ text }: { readonly text: string }): JSX.Element {
  const isLong = text.length > MAX_MESSAGE;
  const [isWhole, setWhole] = useState(false);
  return (
    <>
      <p class="plain" dir="auto">{isLong && !isWhole ? `${cut(text, MAX_MESSAGE)}…` : text}</p>
      {isLong && (
        <button type="button" class="quiet small" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : "Show all"}
        </button>
      )}
    </>
  );
}

function Delivery(
  { state, id, actions }: {
    readonly state: TurnState;
    readonly id: string;
    readonly actions: TurnActions;
  },
): JSX.Element | null {
  if (state.kind === "unsent") {
    return (
      <p class="delivery">
        <Icon name="wait" />
        Not sent yet. It goes out by itself.
      </p>
    );
  }
  if (state.kind === "queued") {
    return (
      <p class="delivery">
        <Icon name="wait" />
        Waits for its turn.
      </p>
    );
  }
  if (state.kind !== "refused") return null;
  return (
    <div class="delivery refused">
      <p role="alert">
        <Icon name="warn" />
        Not sent. {state.reason}
      </p>
      <button type="button" class="small" onClick={() => actions.onEdit(id)}>Edit</button>
      <button type="button" class="small" onClick={() => actions.onSendAgain(id)}>
        Send again
      </button>
    </div>
  );
}

/** The answer that streams, or one of those that were given: the same element, so that nothing jumps. */
function Reply(
  { turn: { answers, state }, isLast, actions }: {
    readonly turn: Turn;
    readonly isLast: boolean;
    readonly actions: TurnActions;
  },
): JSX.Element | null {
  const [chosen, choose] = useState<number | null>(null);
  const running = state.kind === "running" ? state : null;
  const at = Math.min(chosen ?? answers.length - 1, answers.length - 1);
  const entry = running === null ? answers[at] : undefined;
  const { runId, parts } = running ?? entry ?? {};
  if (runId === undefined || parts === undefined) return null;
  const isThinking = running !== null && parts.every(({ type }) => type !== "text");
  return (
    <article
      class="answer"
      aria-label={entry === undefined ? "Agent, answering" : `Agent, ${clock(entry.createdAt)}`}
      aria-busy={entry === undefined}
    >
      <h2 class="sr">Agent</h2>
      <AnswerParts key={runId} parts={parts} isOpen={running !== null} />
      {running !== null && <Pondering isThinking={isThinking} />}
      {entry !== undefined && (
        <>
          <Ending entry={entry} onRetry={isLast ? actions.onRegenerate : null} />
          <footer class="tools">
            <CopyAnswer parts={parts} />
            {isLast && !hasFailed(entry) && (
              <button type="button" class="quiet small" onClick={actions.onRegenerate}>
                <Icon name="again" />
                Regenerate
              </button>
            )}
            <Pager
              at={at}
              count={answers.length}
              onChoose={(next) => choose(next === answers.length - 1 ? null : next)}
            />
          </footer>
        </>
      )}
    </article>
  );
}

function CopyAnswer({ parts }: { readonly parts: readonly MessagePart[] }): JSX.Element | null {
  const text = textOf(parts);
  return text === "" ? null : <CopyButton text={text} label="Copy answer" />;
}

/** Goes through the answers that one question got. */
function Pager(
  { at, count, onChoose }: {
    readonly at: number;
    readonly count: number;
    readonly onChoose: (at: number) => void;
  },
): JSX.Element | null {
  if (count < 2) return null;
  const isEnd = (to: number): boolean => to < 0 || to >= count;
  // What is disabled in earnest loses the focus.
  const step = (name: string, icon: "left" | "right", to: number): JSX.Element => (
    <button
      type="button"
      class="quiet small"
      aria-label={name}
      aria-disabled={isEnd(to)}
      onClick={() => isEnd(to) || onChoose(to)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <span class="pager">
      {step("Earlier answer", "left", at - 1)}
      {at + 1} of {count}
      {step("Later answer", "right", at + 1)}
    </span>
  );
}

/** As long as an answer streams, though it says nothing for a while. */
function Pondering({ isThinking }: { readonly isThinking: boolean }): JSX.Element {
  return (
    <p class="pondering">
      {isThinking && <span class="sr">The agent is thinking</span>}
      <i />
      <i />
      <i />
    </p>
  );
}

function clock(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
