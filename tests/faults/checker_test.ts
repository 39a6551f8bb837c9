/**
 * Who checks the checker: correct histories pass, and every kind of fault that is put into one is caught.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { checkHistory, type Fault } from "./checker.ts";
import type { EventOf, FinalLog, History, HistoryEvent, Observation } from "./history.ts";
import { Random } from "./random.ts";
import { say, simulateHistory } from "./simulated_history.ts";

const SEEDS = Array.from({ length: 20 }, (_, at) => at + 1);

const fits = (heard: string, said: string): boolean => said === say(heard);

Deno.test("checkHistory finds nothing in histories of a server that keeps its promises", () => {
  for (const seed of SEEDS) {
    const violations = checkHistory(simulateHistory(seed), fits);
    assertEquals(violations, [], `seed ${seed}`);
  }
});

Deno.test("simulated histories hold kills, takeovers, resends, refusals and queues", () => {
  const all = SEEDS.map(simulateHistory);
  const has = (matches: (event: HistoryEvent) => boolean): boolean =>
    all.some(({ events }) => events.some(matches));
  assert(has((event) => event.kind === "closed"));
  assert(has((event) => event.kind === "refused"));
  assert(has((event) => event.kind === "acked" && event.duplicate));
  assert(has((event) => event.kind === "opened" && !event.recovered));
  assert(has((event) => event.kind === "chunk" && event.attempt === 3));
  const entries = all.flatMap(({ logs }) => logs.flatMap((log) => log.entries));
  const outcomes = new Set(entries.map(({ entry }) => "outcome" in entry ? entry.outcome : ""));
  assertEquals(outcomes, new Set(["", "completed", "cancelled", "interrupted"]));
});

/** Puts one fault into a history; `null` where there is no place for it. */
type Breaking = (history: History, random: Random) => History | null;

type Stored = FinalLog["entries"][number];

const FAULTS: readonly (readonly [what: string, fault: Fault, Breaking])[] = [
  [
    "an acknowledged message that is not stored",
    "lost",
    editing(isUser, (entries, at) => entries.toSpliced(at, 1)),
  ],
  [
    "an acknowledged message that is stored twice",
    "duplicated",
    editing(isUser, (entries, at) => [...entries, { ...entries[at]!, seq: entries.length + 1 }]),
  ],
  [
    "two acknowledged messages in the wrong order",
    "reordered",
    editing(isUser, (entries, at) => {
      const other = entries.findLastIndex(isUser);
      if (other === at) return null;
      return entries.with(at, { ...entries[other]!, seq: at + 1 })
        .with(other, { ...entries[at]!, seq: other + 1 });
    }),
  ],
  [
    "a message that is stored before one that had been acknowledged when it was sent",
    "reordered",
    ({ events, ...rest }) => {
      const isNew = (event: HistoryEvent): event is EventOf<"acked"> =>
        event.kind === "acked" && !event.duplicate;
      const [early, late] = events.filter(isNew);
      if (!early || !late || late.threadId !== early.threadId) return null;
      const sent = events.find((event) =>
        event.kind === "sent" && event.ref === early.ref && event.socket === early.socket
      )!;
      const isOther = (event: HistoryEvent): boolean => event !== early && event !== sent;
      const at = events.indexOf(late) + 1;
      const [before, after] = [events.slice(0, at), events.slice(at)];
      return {
        events: [...before.filter(isOther), sent, early, ...after.filter(isOther)],
        ...rest,
      };
    },
  ],
  [
    "a gap in the stored log",
    "gapped",
    editing(isStart, (entries, at) => entries.toSpliced(at, 1)),
  ],
  [
    "an acknowledgement that names another place",
    "reordered",
    replacing("acked", (event) => [{ ...event, seq: event.seq + 1 }]),
  ],
  [
    "two acknowledgements that name two places",
    "differing",
    replacing("acked", (event, { request }) => {
      const ref = `${event.ref}-again`;
      const again = { ...event, ref, duplicate: true, seq: event.seq + 1 };
      return [event, { ...request, ref } as HistoryEvent, again];
    }),
  ],
  [
    "two acknowledgements that both say new",
    "duplicated",
    replacing("acked", (event, { request }) => {
      const ref = `${event.ref}-again`;
      if (event.duplicate) return null;
      return [event, { ...request, ref } as HistoryEvent, { ...event, ref }];
    }),
  ],
  [
    "a second run for one message",
    "duplicated",
    editing(isStart, (entries, at) => {
      const { entry } = entries[at]!;
      const second = { ...entry, runId: `${runOf(entry)}-second` } as Stored["entry"];
      return [...entries, { seq: entries.length + 1, entry: second }];
    }),
  ],
  [
    "a message that got an error and is stored",
    "refused yet stored",
    replacing("acked", (event) => {
      const { atMs, subject, socket, ref } = event;
      if (event.duplicate) return null;
      return [{ kind: "refused", code: "STORE_UNAVAILABLE", atMs, subject, socket, ref }];
    }),
  ],
  [
    "a stored message with another text",
    "differing",
    editing(isUser, changeEntry(() => ({ parts: [{ type: "text", text: "else" }] }))),
  ],
  [
    "a stored message that nobody sent",
    "invented",
    editing(isUser, changeEntry(() => ({ id: "nobody" }))),
  ],
  [
    "another subject's message in the log",
    "foreign",
    editing(isUser, (entries, at, { subject }, { logs }) => {
      const theirs = logs.find((log) => log.subject !== subject)!.entries.find(isUser)!;
      const entry = { ...theirs.entry, id: "theirs" } as Stored["entry"];
      return entries.with(at, { seq: at + 1, entry });
    }),
  ],
  [
    "another subject's entry on a socket",
    "foreign",
    replacing("entry", (event, { history }) => {
      const theirs = history.logs.find(({ subject }) => subject !== event.subject)!;
      return [{ ...event, entry: theirs.entries.find(isUser)!.entry }];
    }),
  ],
  [
    "another subject's chunk on a socket",
    "foreign",
    replacing("chunk", (event) => {
      const theirs = event.subject === "alice" ? "bob" : "alice";
      return [{ ...event, chunk: { ...event.chunk, delta: `<<${theirs}/t1/1>> ` } }];
    }),
  ],
  [
    "one run in two subjects' logs",
    "foreign",
    editing(isStart, (entries, at, { subject }, { logs }) => {
      const theirs = logs.find((log) => log.subject !== subject)!.entries.find(isStart)!;
      return entries.with(at, { seq: at + 1, entry: theirs.entry });
    }),
  ],
  [
    "a run with two answers",
    "doubly ended",
    editing(isAnswer, (entries, at) => [...entries, { ...entries[at]!, seq: entries.length + 1 }]),
  ],
  [
    "a run without an answer",
    "never ended",
    editing(isAnswer, (entries, at) => entries.toSpliced(at, 1)),
  ],
  [
    "a message without a run",
    "never ended",
    ({ events, deathsMs, logs: [log] }) => {
      const first = runOf(log!.entries.find(isStart)!.entry);
      const entries = log!.entries.filter(({ entry }) => runOf(entry) !== first);
      const isAck = (event: HistoryEvent): boolean => event.kind === "acked";
      const logs = [{ ...log!, entries }];
      return { events: events.filter((event) => !isAck(event)), deathsMs, logs };
    },
  ],
  [
    "an attempt that was never made",
    "unfenced",
    editing(isStart, changeEntry((entry) => "attempt" in entry && { attempt: entry.attempt + 1 })),
  ],
  [
    "a fourth attempt",
    "unfenced",
    editing(isStart, (entries, at) => {
      const { entry } = entries[at]!;
      if (!("attempt" in entry) || entry.attempt !== 3) return null;
      const fourth = { seq: at + 2, entry: { ...entry, attempt: 4 } };
      const moved = entries.slice(at + 1).map((stored) => ({ ...stored, seq: stored.seq + 1 }));
      return [...entries.slice(0, at + 1), fourth, ...moved];
    }),
  ],
  [
    "a run that is taken from a living instance",
    "unfenced",
    (history) => {
      const isTakeover = ({ entry }: Stored) => "attempt" in entry && entry.attempt > 1;
      const any = history.logs.some(({ entries }) => entries.some(isTakeover));
      return any ? { ...history, deathsMs: [] } : null;
    },
  ],
  [
    "an answer by an attempt that another had followed",
    "unfenced",
    editing(
      isAnswer,
      changeEntry((entry) =>
        "attempt" in entry && entry.attempt > 1 && { attempt: entry.attempt - 1 }
      ),
    ),
  ],
  [
    "a run that starts while another is active",
    "unfenced",
    editing(isAnswer, (entries, at) => {
      const next = entries.findIndex((stored, place) => place > at && isStart(stored));
      if (next === -1) return null;
      return entries.toSpliced(at, 1).toSpliced(next, 0, entries[at]!)
        .map(({ entry }, place) => ({ seq: place + 1, entry }));
    }),
  ],
  [
    "a run that is given up before its attempts are used",
    "lost",
    editing(
      isAnswer,
      changeEntry((entry) =>
        "attempt" in entry && entry.attempt < 3 && { outcome: "interrupted" as const }
      ),
    ),
  ],
  [
    "an answer with the text of two attempts",
    "wrong answer",
    editing(
      isAnswer,
      changeEntry((entry) =>
        "outcome" in entry && entry.outcome === "completed" &&
        { parts: [...entry.parts, ...entry.parts] }
      ),
    ),
  ],
  [
    "an entry that a socket does not get",
    "gapped",
    replacing("entry", (_event, { next }) => next?.kind === "entry" ? [] : null),
  ],
  [
    "an entry that a socket gets twice",
    "repeated",
    replacing("entry", (event) => [event, event]),
  ],
  [
    "an entry that two sockets see differently",
    "differing",
    replacing("entry", (event) => {
      const { entry } = event;
      if (entry.kind !== "message" || entry.parts.length === 0) return null;
      return [{ ...event, entry: { ...entry, parts: [] } }];
    }),
  ],
  [
    "an entry of a thread that a socket does not follow",
    "misplaced",
    replacing("entry", (event) => [event, { ...event, socket: "a stranger" }]),
  ],
  [
    "a chunk that a socket does not get",
    "gapped",
    replacing("chunk", (_event, { next }) => next?.kind === "chunk" ? [] : null),
  ],
  [
    "the last chunk that a socket does not get before the answer",
    "gapped",
    replacing(
      "chunk",
      (_event, { last, next }) =>
        last?.kind === "chunk" && next?.kind === "entry" && isAnswer(next) ? [] : null,
    ),
  ],
  [
    "a chunk that a socket gets twice",
    "repeated",
    replacing("chunk", (event) => [event, event]),
  ],
  [
    "a chunk that two sockets see differently",
    "differing",
    replacing("chunk", (event, { history }) => {
      const isSame = (other: HistoryEvent): boolean =>
        other !== event && other.kind === "chunk" && other.runId === event.runId &&
        other.attempt === event.attempt && other.index === event.index;
      if (!history.events.some(isSame)) return null;
      return [{ ...event, chunk: { ...event.chunk, delta: "else " } }];
    }),
  ],
  [
    "chunks that are not the answer",
    "differing",
    ({ events, ...rest }) => {
      const change = (event: HistoryEvent): HistoryEvent =>
        event.kind !== "chunk" || event.chunk.type !== "text-delta"
          ? event
          : { ...event, chunk: { ...event.chunk, delta: "else " } };
      return { events: events.map(change), ...rest };
    },
  ],
  [
    "a chunk of an attempt that has not started",
    "misplaced",
    replacing("chunk", (event) => [{ ...event, attempt: event.attempt + 1 }]),
  ],
  [
    "a chunk after its run's answer",
    "misplaced",
    replacing(
      "entry",
      (event, { last }) => last?.kind === "chunk" && isAnswer(event) ? [event, last] : null,
    ),
  ],
  [
    "a position that is said to be known and is gone",
    "wrongly recovered",
    replacing("opened", (event) => event.recovered ? null : [{ ...event, recovered: true }]),
  ],
  [
    "a position that is said to be gone and is not",
    "wrongly recovered",
    replacing("opened", (event, { request }) => {
      if (request?.kind !== "opening" || !event.recovered) return null;
      const isActive = request.run?.runId === event.activeRun?.runId;
      return isActive ? [{ ...event, recovered: false }] : null;
    }),
  ],
  [
    "a head that went back",
    "lost",
    replacing(
      "opened",
      (event, { request }) =>
        request?.kind === "opening" && request.afterSeq > 0 ? [{ ...event, headSeq: 0 }] : null,
    ),
  ],
  [
    "a socket that is left behind",
    "gapped",
    ({ events, ...rest }) => {
      const at = events.findLastIndex(({ kind }) => kind === "entry");
      return { events: events.toSpliced(at, 1), ...rest };
    },
  ],
];

for (const [what, fault, breaking] of FAULTS) {
  Deno.test(`checkHistory calls ${what} ${fault}`, () => {
    let broken = 0;
    for (const seed of SEEDS) {
      const history = breaking(simulateHistory(seed), new Random(seed));
      if (history === null) continue;
      broken++;
      const faults = checkHistory(history, fits).map((violation) => violation.fault);
      assert(faults.includes(fault), `seed ${seed}: ${[...new Set(faults)]}`);
    }
    assert(broken >= 5, `only ${broken} histories had a place for it`);
  });
}

function isUser({ entry }: Pick<Stored, "entry">): boolean {
  return entry.kind === "message" && entry.role === "user";
}

function isStart({ entry }: Pick<Stored, "entry">): boolean {
  return entry.kind === "run.started";
}

function isAnswer({ entry }: Pick<Stored, "entry">): boolean {
  return entry.kind === "message" && entry.role === "assistant" && entry.attempt > 0;
}

function runOf(entry: Stored["entry"]): string {
  return "runId" in entry ? entry.runId : "";
}

/** Changes fields of the chosen entry; not where `fieldsOf` yields false. */
function changeEntry(
  fieldsOf: (entry: Stored["entry"]) => object | false,
): (entries: Stored[], at: number) => Stored[] | false {
  return (entries, at) => {
    const { seq, entry } = entries[at]!;
    const fields = fieldsOf(entry);
    return fields && entries.with(at, { seq, entry: { ...entry, ...fields } as Stored["entry"] });
  };
}

/** Edits one log at an entry that `matches`. */
function editing(
  matches: (stored: Stored) => boolean,
  edit: (entries: Stored[], at: number, log: FinalLog, history: History) => Stored[] | null | false,
): Breaking {
  return (history, random) => {
    const { logs } = history;
    const places = logs.flatMap((log) =>
      log.entries.flatMap((stored, at) => matches(stored) ? [{ log, at }] : [])
    );
    for (const { log, at } of shuffled(places, random)) {
      const entries = edit([...log.entries], at, log, history);
      if (!entries) continue;
      const edited = { ...log, entries, headSeq: Math.max(log.headSeq, entries.length) };
      return { ...history, logs: logs.map((each) => each === log ? edited : each) };
    }
    return null;
  };
}

/** What is around an event. */
interface Around {
  readonly history: History;
  /** What the event answers. */
  readonly request: HistoryEvent | undefined;
  /** Before and after it on its socket. */
  readonly last: HistoryEvent | undefined;
  readonly next: HistoryEvent | undefined;
}

/** Replaces one event of a kind. */
function replacing<Kind extends Observation["kind"]>(
  kind: Kind,
  edit: (event: EventOf<Kind>, around: Around) => HistoryEvent[] | null,
): Breaking {
  return (history, random) => {
    const { events } = history;
    const places = events.flatMap((event, at) => event.kind === kind ? [at] : []);
    for (const at of shuffled(places, random)) {
      const event = events[at] as EventOf<Kind>;
      const onSocket = ({ socket }: HistoryEvent): boolean => socket === event.socket;
      const before = events.slice(0, at).filter(onSocket);
      const edited = edit(event, {
        history,
        request: before.find((one) => "ref" in one && "ref" in event && one.ref === event.ref),
        last: before.at(-1),
        next: events.slice(at + 1).find(onSocket),
      });
      if (edited !== null) return { ...history, events: events.toSpliced(at, 1, ...edited) };
    }
    return null;
  };
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items.map((item) => ({ item, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
