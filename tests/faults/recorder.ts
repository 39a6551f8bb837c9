/**
 * Keeps what clients see, in the order in which they see it.
 *
 * @module
 */
import type { HistoryEvent, Observation } from "./history.ts";

/** The events of all sockets. */
export class Recorder {
  readonly events: HistoryEvent[] = [];

  /** Keeps one event, now. */
  add(socket: { readonly subject: string; readonly name: string }, observed: Observation): void {
    const { subject, name } = socket;
    this.events.push({ ...observed, atMs: performance.now(), subject, socket: name });
  }

  /** So many events of a kind. */
  count(kind: Observation["kind"]): number {
    return this.events.filter((event) => event.kind === kind).length;
  }
}
