/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * What is seen before the page is let in: the server's start-up, or why the gate is shut.
 *
 * @module
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { ToldPhases } from "../state/connection.ts";
import type { Action, ConnectionView } from "../state/connection_view.ts";
import { bridgeShare, type PhaseLine, phaseLines } from "../state/phases.ts";
import { duration } from "../state/relative_time.ts";
import { Icon } from "./icon.tsx";
import { Gate } from "./mark.tsx";

/** Time between two pictures of a running phase's time, milliseconds. */
const TICK_MS = 100;

/** What each action is called. */
export const ACTIONS: Readonly<Record<Action, string>> = {
  "try-now": "Try now",
  "sign-in": "Sign in again",
  "reload": "Load the page again",
};

/** Shows the gate. */
export function GateScreen(
  { view, told, onAction }: {
    readonly view: ConnectionView | null;
    readonly told: ToldPhases | null;
    readonly onAction: (action: Action) => void;
  },
): JSX.Element {
  const { tone = "calm", title = "Connecting", detail = "", action = null } = view ?? {};
  return (
    <main class={`gate gate-${tone}`}>
      <Gate share={told === null ? 0 : bridgeShare(told.phases)} />
      <h1 class="wordmark">Drawbridge</h1>
      <div role="status" class="gate-status">
        <p class="gate-title">{title}</p>
        <p>{detail}</p>
      </div>
      {told !== null && <Phases told={told} />}
      {action !== null && (
        <button type="button" class="primary" onClick={() => onAction(action)}>
          {ACTIONS[action]}
        </button>
      )}
    </main>
  );
}

function Phases({ told }: { readonly told: ToldPhases }): JSX.Element {
  const nowMs = useSignal(performance.now());
  useEffect(() => {
    const timer = setInterval(() => nowMs.value = performance.now(), TICK_MS);
    return () => clearInterval(timer);
  }, [nowMs]);
  const lines = phaseLines(told.phases, Math.max(0, nowMs.value - told.atMs));
  return (
    <ol class="phases" aria-label="Start-up">
      {lines.map((line) => <Phase key={line.name} line={line} />)}
    </ol>
  );
}

const WORDS: Readonly<Record<PhaseLine["status"], string>> = {
  waiting: "waits",
  running: "under way",
  done: "ready",
  failed: "failed",
};

function Phase({ line }: { readonly line: PhaseLine }): JSX.Element {
  const { label, status, durationMs, attempts, isOptional } = line;
  return (
    <li class={`phase phase-${status}`}>
      <span class="phase-sign">
        {status === "done" && <Icon name="done" />}
        {status === "failed" && <Icon name="close" />}
      </span>
      <span class="phase-name">
        {label}
        {isOptional && <small>optional</small>}
      </span>
      <span class="phase-state">
        {WORDS[status]}
        {attempts > 1 && `, try ${attempts}`}
      </span>
      <span class="phase-time">{durationMs === null ? "" : duration(durationMs)}</span>
    </li>
  );
}
