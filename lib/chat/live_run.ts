/**
 * A run that streams on this instance: its first chunk goes at once, what arrives in the same burst
 * behind it goes with the end of the turn.
 *
 * @module
 */

/** One attempt of a run in a topic. */
export interface RunAttempt {
  readonly runId: string;
  readonly attempt: number;
}

/** Takes the chunks from `index` on, each JSON. Must not throw. */
export type Publish = (index: number, chunks: readonly string[]) => void;

/** The chunks of one attempt. */
export class LiveRun implements RunAttempt {
  readonly runId: string;
  readonly attempt: number;
  readonly #chunks: string[] = [];
  readonly #publish: Publish;
  readonly #turn: StreamTurn;
  #published = 0;

  /** Publishes through `publish`, in turns of `turn`. */
  constructor(run: RunAttempt, { publish, turn }: { publish: Publish; turn: StreamTurn }) {
    this.runId = run.runId;
    this.attempt = run.attempt;
    this.#publish = publish;
    this.#turn = turn;
  }

  /** Every chunk of the attempt so far, each JSON. */
  get chunks(): readonly string[] {
    return this.#chunks;
  }

  /**
   * Passes a chunk on: at once, or with those that arrive in the same burst
   * behind the first, which never waits.
   */
  push(chunk: string): void {
    this.#chunks.push(chunk);
    if (this.#turn.add(this)) this.flush();
  }

  /** Passes on what waits. */
  flush(): void {
    if (this.#published === this.#chunks.length) return;
    const index = this.#published;
    this.#published = this.#chunks.length;
    this.#publish(index, this.#chunks.slice(index));
  }

  /** Passes on what waits, and no more. */
  end(): void {
    this.#turn.remove(this);
    this.flush();
  }
}

/** The runs that have passed something on in this turn of the event loop: one timer for all of them. */
export class StreamTurn {
  readonly #runs = new Set<LiveRun>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Flushes `run` at the end of the turn; false where it is waited for already. */
  add(run: LiveRun): boolean {
    if (this.#runs.has(run)) return false;
    this.#runs.add(run);
    this.#timer ??= setTimeout(() => this.#end(), 0);
    return true;
  }

  /** Does not wait for `run` any more. */
  remove(run: LiveRun): void {
    this.#runs.delete(run);
    if (this.#runs.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(): void {
    this.#timer = undefined;
    const runs = [...this.#runs];
    this.#runs.clear();
    for (const run of runs) run.flush();
  }
}
