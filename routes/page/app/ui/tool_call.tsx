/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * A tool that an agent called: its name, what it was given, what it gave.
 *
 * @module
 */
import type { JSX } from "preact";
import type { MessagePart } from "../../../../lib/chat/protocol.ts";
import { cut } from "../state/cut.ts";
import { Icon } from "./icon.tsx";

/** Longest input or output that is shown, characters. */
const MAX_SHOWN = 20_000;

const STATES: Readonly<Record<string, string>> = {
  "input-streaming": "is called",
  "input-available": "runs",
  "output-available": "done",
  "output-error": "failed",
};

/** Whether a part is a tool call. */
export function isToolCall({ type }: MessagePart): boolean {
  return type.startsWith("tool-") || type === "dynamic-tool";
}

/** Shows a tool call. `isOver` where its answer has ended, so that nothing runs any more. */
export function ToolCall(
  { part, isOver }: { readonly part: MessagePart; readonly isOver: boolean },
): JSX.Element {
  const name = part.type === "dynamic-tool"
    ? String(part["toolName"])
    : part.type.slice("tool-".length);
  const state = String(part["state"]);
  const isRunning = !isOver && state.startsWith("input-");
  const said = isOver && state.startsWith("input-") ? "not finished" : STATES[state] ?? state;
  return (
    <details class={`tool ${state === "output-error" ? "tool-failed" : ""}`}>
      <summary>
        <Icon name="tool" />
        <span class="tool-name">{name}</span>
        <span class={isRunning ? "tool-state running" : "tool-state"}>{said}</span>
      </summary>
      <dl>
        <Value name="Given" value={part["input"]} />
        <Value name="Returned" value={part["output"]} />
        <Value name="Error" value={part["errorText"]} />
      </dl>
    </details>
  );
}

function Value(
  { name, value }: { readonly name: string; readonly value: unknown },
): JSX.Element | null {
  if (value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <pre tabIndex={0} role="group" aria-label={name}>
          {text.length > MAX_SHOWN ? `${cut(text, MAX_SHOWN)}…` : text}
        </pre>
      </dd>
    </>
  );
}
