/**
 * Promises 7.3, 7.4 and 7.6: what one socket sees of a thread comes in order,
 * without gap or repeat, and is what everybody sees.
 *
 * @module
 */
import type { Entry, RunPosition } from "../../lib/chat/protocol.ts";
import { type EventOf, type HistoryEvent, subjectsIn, textOf } from "./history.ts";
import type { ThreadView } from "./view.ts";
import type { Violation } from "./violation.ts";

type Opening = EventOf<"opening"> & { readonly knownSeq: number };

/** A thread as one socket follows it. */
interface Followed {
  /** The last entry seen. */
  cursor: number;
  /** The run whose chunks come now. */
  run: {
    readonly runId: string;
    readonly attempt: number;
    next: number;
    /** Type of the last chunk on this socket; `null` where none came yet. */
    last: string | null;
  } | null;
  /** Where the client said it was. */
  readonly position: RunPosition | null;
}

/** Follows one thread of one subject through the events of all its sockets. */
export class StreamRules {
  readonly violations: Violation[] = [];
  readonly #view: ThreadView;
  readonly #entries: Map<number, Entry>;
  readonly #startedAt: Map<string, number>;
  readonly #deathsMs: readonly number[];
  readonly #sentAtMs = new Map<string, number>();
  readonly #openings = new Map<string, Opening>();
  readonly #followed = new Map<string, Followed>();
  readonly #chunks = new Map<string, string[]>();
  /** Newest entry that anybody knows to be stored. */
  #knownSeq = 0;

  /** Judges by the thread's final log, and by when instances died. */
  constructor(view: ThreadView, deathsMs: readonly number[]) {
    this.#view = view;
    this.#deathsMs = deathsMs;
    this.#entries = new Map(view.log.entries.map(({ seq, entry }) => [seq, entry]));
    this.#startedAt = new Map(
      view.starts.map(({ seq, entry }) => [`${entry.runId} ${entry.attempt}`, seq]),
    );
  }

  /** Takes the next event of the thread, or the end of a socket. */
  take(event: HistoryEvent): void {
    switch (event.kind) {
      case "opening":
        this.#openings.set(`${event.socket} ${event.ref}`, { ...event, knownSeq: this.#knownSeq });
        break;
      case "opened":
        this.#open(event);
        break;
      case "acked":
        this.#knownSeq = Math.max(this.#knownSeq, event.seq);
        if (!this.#followed.has(event.socket)) {
          const cursor = event.seq - 1;
          this.#followed.set(event.socket, { cursor, run: null, position: null });
        }
        break;
      case "entry":
        this.#entry(event);
        break;
      case "chunk":
        this.#chunk(event);
        break;
      case "closed":
        this.#followed.delete(event.socket);
        break;
      case "sent": {
        const { id } = event.message;
        this.#sentAtMs.set(id, this.#sentAtMs.get(id) ?? event.atMs);
        break;
      }
      case "refused":
        break;
      default:
        event satisfies never;
    }
  }

  /** Looks at what can only be said when all is over. */
  end(): void {
    for (const [socket, { cursor }] of this.#followed) {
      if (cursor !== this.#view.log.headSeq) {
        this.#report("7.3", "gapped", `${socket} was left at ${cursor}`);
      }
    }
    for (const { entry } of this.#view.answers) {
      if (entry.outcome !== "completed") continue;
      const chunks = this.#chunks.get(`${entry.runId} ${entry.attempt}`) ?? [];
      const parts = Array.from(chunks, (json) => json === undefined ? null : JSON.parse(json));
      if (parts.includes(null) || parts.at(-1)?.type !== "finish") continue;
      const text = parts.map((part) => part.type === "text-delta" ? part.delta : "").join("");
      if (text !== textOf(entry)) {
        this.#report("7.3", "differing", `${entry.runId} was streamed as another text`);
      }
    }
  }

  #open(event: EventOf<"opened">): void {
    const opening = this.#openings.get(`${event.socket} ${event.ref}`);
    if (opening === undefined) return;
    const { activeRun, headSeq, recovered } = event;
    if (headSeq < opening.knownSeq) {
      this.#report("7.1", "lost", `the head is ${headSeq}, and was ${opening.knownSeq}`);
    }
    this.#checkRecovered(event, opening.run);
    const position = recovered ? opening.run : null;
    const started = activeRun && this.#startedAt.get(`${activeRun.runId} ${activeRun.attempt}`);
    const run = activeRun === null || (started ?? Infinity) > opening.afterSeq
      ? null
      : { ...activeRun, next: nextIndex(activeRun, position), last: null };
    this.#followed.set(event.socket, { cursor: opening.afterSeq, run, position });
  }

  #checkRecovered({ activeRun, recovered, socket }: EventOf<"opened">, at: RunPosition | null) {
    const expected = at === null ? true : this.#isKnown(at, activeRun);
    if (expected !== null && expected !== recovered) {
      const detail = `${socket} at ${JSON.stringify(at)}, recovered: ${recovered}`;
      this.#report("7.4", "wrongly recovered", detail);
    }
  }

  /** Whether that position must be known; `null` where the dead instance may have taken it along. */
  #isKnown(at: RunPosition, active: EventOf<"opened">["activeRun"]): boolean | null {
    if (active?.runId === at.runId) return active.attempt === at.attempt;
    const answer = this.#view.answers.find(({ entry }) => entry.runId === at.runId)?.entry;
    if (answer?.attempt !== at.attempt) return false;
    return answer.outcome === "completed" ? true : null;
  }

  #entry({ seq, entry, socket, atMs }: EventOf<"entry">): void {
    this.#knownSeq = Math.max(this.#knownSeq, seq);
    const where = `${socket}, entry ${seq}`;
    if (JSON.stringify(entry) !== JSON.stringify(this.#entries.get(seq))) {
      const isForeign = this.#isForeign(entry);
      if (isForeign) this.#report("7.7", "foreign", where);
      else this.#report("7.6", this.#entries.has(seq) ? "differing" : "lost", where);
    }
    const followed = this.#followed.get(socket);
    if (followed === undefined) return this.#report("7.3", "misplaced", `${where}, not followed`);
    const { cursor } = followed;
    if (seq !== cursor + 1) {
      this.#report("7.3", seq <= cursor ? "repeated" : "gapped", `${where} after ${cursor}`);
    }
    followed.cursor = seq;
    if (entry.kind === "run.started") {
      const { runId, attempt, replyTo } = entry;
      const sinceMs = this.#sentAtMs.get(replyTo) ?? 0;
      const deaths = this.#deathsMs.filter((ms) => ms >= sinceMs && ms <= atMs).length;
      if (attempt > 1 + deaths) {
        this.#report("7.5", "unfenced", `${where}: attempt ${attempt} after ${deaths} deaths`);
      }
      followed.run = { runId, attempt, next: nextIndex(entry, followed.position), last: null };
    } else if (entry.role === "assistant" && entry.runId === followed.run?.runId) {
      const { last } = followed.run;
      if (last !== null && last !== "finish" && entry.outcome === "completed") {
        this.#report("7.3", "gapped", `${where}: the last chunks before it are missing`);
      }
      followed.run = null;
    }
  }

  #chunk(event: EventOf<"chunk">): void {
    const { socket, runId, attempt, index, chunk } = event;
    const where = `${socket}, chunk ${runId} ${attempt} ${index}`;
    const json = JSON.stringify(chunk);
    const all = this.#chunks.get(`${runId} ${attempt}`) ?? [];
    this.#chunks.set(`${runId} ${attempt}`, all);
    if (this.#isForeign(chunk)) this.#report("7.7", "foreign", where);
    else if (all[index] !== undefined && all[index] !== json) {
      this.#report("7.6", "differing", where);
    }
    all[index] = json;
    const run = this.#followed.get(socket)?.run;
    if (!run || run.runId !== runId || run.attempt !== attempt) {
      return this.#report("7.3", "misplaced", where);
    }
    if (index !== run.next) {
      const fault = index < run.next ? "repeated" : "gapped";
      this.#report("7.3", fault, `${where}, ${run.next} was expected`);
    }
    run.next = index + 1;
    run.last = chunk.type;
  }

  #isForeign(value: unknown): boolean {
    return subjectsIn(JSON.stringify(value)).some((owner) => owner !== this.#view.subject);
  }

  #report(promise: Violation["promise"], fault: Violation["fault"], detail: string): void {
    this.violations.push({ promise, fault, detail: `${this.#view.name}: ${detail}` });
  }
}

function nextIndex(
  { runId, attempt }: { readonly runId: string; readonly attempt: number },
  position: RunPosition | null,
): number {
  return position?.runId === runId && position.attempt === attempt ? position.index + 1 : 0;
}
