/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The line that says what is the matter with the connection, above the conversation.
 *
 * @module
 */
import type { JSX } from "preact";
import type { ToldPhases } from "../state/connection.ts";
import type { Action, ConnectionView } from "../state/connection_view.ts";
import { ACTIONS } from "./gate.tsx";
import { Icon } from "./icon.tsx";

/** Shows `view`, or nothing where all is well. */
export function Notice(
  { view, told, onAction }: {
    readonly view: ConnectionView | null;
    /** The start-up that is waited for. */
    readonly told: ToldPhases | null;
    readonly onAction: (action: Action) => void;
  },
): JSX.Element | null {
  if (view === null) return null;
  const { tone, title, detail, action } = view;
  return (
    <div class={`notice notice-${tone}`}>
      {tone === "calm" ? <span class="pulse" /> : <Icon name="warn" />}
      <p>
        <strong>{title}</strong> {detail} {told !== null && progress(told)}
      </p>
      {action !== null && (
        <button type="button" class="small" onClick={() => onAction(action)}>
          {ACTIONS[action]}
        </button>
      )}
    </div>
  );
}

function progress({ phases }: ToldPhases): string {
  const ready = phases.filter(({ status }) => status === "ok").length;
  return `${ready} of ${phases.length} parts are ready.`;
}
