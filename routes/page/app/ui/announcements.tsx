/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * What a screen reader is told of the conversation: sentences and ends, not tokens.
 *
 * @module
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { SentenceAnnouncer } from "../state/announcer.ts";
import { textOf, type Turn } from "../state/turns.ts";
import { endingOf } from "./answer.tsx";

/** Least time between two announcements, milliseconds: a reader needs it to speak. */
const PACE_MS = 1_500;

/** Announces what happens in the last of `turns`. */
export function Announcements({ turns }: { readonly turns: readonly Turn[] }): JSX.Element {
  const said = useSignal("");
  const heard = useRef({ announcer: new SentenceAnnouncer(), runId: "", atMs: 0 });
  const turn = turns.findLast(({ state }) => state.kind === "running") ?? turns.at(-1);
  useEffect(() => {
    const hearing = heard.current;
    if (turn?.state.kind === "running") {
      const { runId, parts } = turn.state;
      if (hearing.runId !== runId) {
        heard.current = { announcer: new SentenceAnnouncer(), runId, atMs: 0 };
        said.value = "The agent is answering.";
      }
      if (performance.now() - heard.current.atMs < PACE_MS) return;
      const sentences = heard.current.announcer.next(textOf(parts));
      if (sentences === null) return;
      heard.current.atMs = performance.now();
      said.value = sentences;
      return;
    }
    const entry = turn?.answers.findLast(({ runId }) => runId === hearing.runId);
    if (entry === undefined) return;
    const rest = hearing.announcer.next(`${textOf(entry.parts)}\n`);
    const ending = endingOf(entry);
    hearing.runId = "";
    said.value = [rest, ending === null ? "The answer is complete." : `The answer ended. ${ending}`]
      .filter((part) => part !== null).join(" ");
  }, [turn]);
  return <div class="sr" role="status" aria-label="Conversation news">{said.value}</div>;
}
