/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * One answer: its parts, and how it ended.
 *
 * @module
 */
import type { JSX } from "preact";
import type { AssistantEntry, MessagePart } from "../../../../lib/chat/protocol.ts";
import { textOf } from "../state/turns.ts";
import { Icon } from "./icon.tsx";
import { Markdown } from "./markdown.tsx";
import { isToolCall, ToolCall } from "./tool_call.tsx";

/** The parts of an answer. `isOpen` while it streams. */
export function AnswerParts(
  { parts, isOpen }: { readonly parts: readonly MessagePart[]; readonly isOpen: boolean },
): JSX.Element {
  const last = parts.length - 1;
  return (
    <>
      {parts.map((part, index) => (
        <Part key={index} part={part} isOpen={isOpen && index === last} isOver={!isOpen} />
      ))}
    </>
  );
}

function Part(
  { part, isOpen, isOver }: {
    readonly part: MessagePart;
    readonly isOpen: boolean;
    readonly isOver: boolean;
  },
): JSX.Element | null {
  if (part.type === "text") return <Markdown text={String(part["text"])} isOpen={isOpen} />;
  if (part.type === "reasoning") {
    return (
      <details class="reasoning">
        <summary>{isOpen ? "Thinking" : "Thoughts"}</summary>
        <p class="plain" dir="auto">{String(part["text"])}</p>
      </details>
    );
  }
  return isToolCall(part) ? <ToolCall part={part} isOver={isOver} /> : null;
}

/** What the server's codes mean for whoever waits for an answer. */
const BROKE_OFF = "The language model broke off. What it had said is above.";

const FAILURES: Readonly<Record<string, string>> = {
  MODEL_UNAVAILABLE: "The language model cannot be reached.",
  MODEL_TIMEOUT: "The language model went silent.",
  ANSWER_TOO_LARGE: "The answer grew too long and was cut.",
};

/** How an answer ended, in words; null where it is whole. */
export function endingOf({ outcome, error, parts }: AssistantEntry): string | null {
  switch (outcome) {
    case "completed":
      return null;
    case "cancelled":
      return "Stopped.";
    case "interrupted":
      return "The server went away several times while it answered.";
    case "failed":
      if (error?.code === "MODEL_UNAVAILABLE" && textOf(parts) !== "") return BROKE_OFF;
      return FAILURES[error?.code ?? ""] ?? error?.message ?? "Something went wrong.";
    default:
      return outcome satisfies never;
  }
}

/** Whether an answer ended by no will of its reader. */
export function hasFailed({ outcome }: AssistantEntry): boolean {
  return outcome === "failed" || outcome === "interrupted";
}

/** The line below an answer that is not whole. */
export function Ending(
  { entry, onRetry }: { readonly entry: AssistantEntry; readonly onRetry: (() => void) | null },
): JSX.Element | null {
  const words = endingOf(entry);
  if (words === null) return null;
  const isFailure = hasFailed(entry);
  return (
    <div class={isFailure ? "ending ending-failed" : "ending"}>
      <p>
        <Icon name={isFailure ? "warn" : "stop"} />
        {isFailure && <strong>The answer failed.</strong>} {words}
      </p>
      {isFailure && onRetry !== null && (
        <button type="button" onClick={onRetry}>
          <Icon name="again" />
          Try again
        </button>
      )}
    </div>
  );
}
