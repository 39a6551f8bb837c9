/**
 * Says which promises of the contract's section 7 a history breaks.
 *
 * @module
 */
import type { History } from "./history.ts";
import {
  answersFit,
  attemptsCount,
  everyRunEndsOnce,
  numberedWithoutGaps,
  oneRunAtATime,
} from "./log_rules.ts";
import {
  acknowledgedIsStored,
  acksAgree,
  oneRunEach,
  onlyWhatWasSent,
  orderIsKept,
  refusedIsNotStored,
  storedOnce,
} from "./message_rules.ts";
import { StreamRules } from "./stream_rules.ts";
import { groupBy, threadName, type ThreadView, viewThreads } from "./view.ts";
import type { Violation } from "./violation.ts";

export type { Fault, Violation } from "./violation.ts";

/** Rules about one thread's messages and final log. */
const THREAD_RULES = [
  acknowledgedIsStored,
  storedOnce,
  acksAgree,
  oneRunEach,
  orderIsKept,
  refusedIsNotStored,
  onlyWhatWasSent,
  numberedWithoutGaps,
  everyRunEndsOnce,
  attemptsCount,
  oneRunAtATime,
] as const;

/**
 * Finds every broken promise; none where the history is a correct one.
 *
 * @param fits Whether an answer is what the model says to what it hears.
 */
export function checkHistory(
  history: History,
  fits: (heard: string, said: string) => boolean,
): Violation[] {
  const threads = viewThreads(history);
  const views = [...threads.values()];
  return [
    ...views.flatMap((view) => THREAD_RULES.flatMap((rule) => rule(view))),
    ...views.flatMap((view) => answersFit(view, fits)),
    ...runsHaveOneOwner(views),
    ...streamsAreWhole(history, threads),
  ];
}

/** No run is in two threads' logs. */
function runsHaveOneOwner(views: readonly ThreadView[]): Violation[] {
  const runs = views.flatMap(({ name, starts }) =>
    starts.map(({ entry }) => ({ name, runId: entry.runId }))
  );
  return [...groupBy(runs, ({ runId }) => runId)].flatMap(([runId, own]): Violation[] => {
    const names = new Set(own.map(({ name }) => name));
    if (names.size === 1) return [];
    return [{ promise: "7.7", fault: "foreign", detail: `${runId} is in ${[...names]}` }];
  });
}

function streamsAreWhole(
  { events, deathsMs }: History,
  threads: Map<string, ThreadView>,
): Violation[] {
  const rules = new Map(
    [...threads].map(([name, view]) => [name, new StreamRules(view, deathsMs)]),
  );
  const strangers: Violation[] = [];
  for (const event of events) {
    if (event.kind === "closed") {
      for (const [name, thread] of rules) {
        if (name.startsWith(`${event.subject} `)) thread.take(event);
      }
    } else if (event.kind !== "refused") {
      const thread = rules.get(threadName(event));
      thread?.take(event);
      if (thread === undefined && (event.kind === "entry" || event.kind === "chunk")) {
        const detail = `${threadName(event)} is nobody's, ${event.socket}`;
        strangers.push({ promise: "7.7", fault: "foreign", detail });
      }
    }
  }
  for (const thread of rules.values()) thread.end();
  return [...strangers, ...[...rules.values()].flatMap(({ violations }) => violations)];
}
