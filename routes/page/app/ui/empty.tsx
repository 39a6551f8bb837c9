/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * A conversation that has not begun.
 *
 * @module
 */
import type { JSX } from "preact";
import { Gate } from "./mark.tsx";

/** What can be tried; the offline model and any other make something of it. */
const EXAMPLES = [
  ["/help", "What can you do?"],
  ["/time", "Ask a tool for the time"],
  ["/count 20", "Watch an answer stream"],
] as const;

/** Invites to begin, once it is known that nothing is there. */
export function Empty(
  { phase, isConnected, onExample }: {
    readonly phase: "opening" | "open" | "new";
    readonly isConnected: boolean;
    readonly onExample: (text: string) => void;
  },
): JSX.Element {
  if (phase === "opening") return <p class="opening">Opening the thread…</p>;
  return (
    <div class="empty">
      <Gate share={isConnected ? 1 : 0} />
      <h2>{isConnected ? "The bridge is down. Come in." : "The bridge is up for now."}</h2>
      <p>
        {isConnected
          ? "Write a message below, or try one of these:"
          : "Write already: a message waits here and goes out by itself."}
      </p>
      <ul>
        {EXAMPLES.map(([text, words]) => (
          <li key={text}>
            <button type="button" onClick={() => onExample(text)}>
              <code>{text}</code>
              <span>{words}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
