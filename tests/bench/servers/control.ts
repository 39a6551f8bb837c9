/**
 * How the benches tell a server what to do, and how it tells what it did: one JSON object a line,
 * on stdin and stdout.
 *
 * @module
 */

/** The thread that is streamed. */
export const FOLLOWED = { subject: "crowd", threadId: "t" } as const;

/** Sends chunks to all who follow. */
export interface StreamOrder {
  readonly do: "stream";
  /** Macrotasks in which chunks are sent. */
  readonly ticks: number;
  /** Chunks in each of them. */
  readonly perTick: number;
  /** The text of each chunk. */
  readonly delta: string;
  /** Wait before each tick, milliseconds. 0: none. */
  readonly pauseMs: number;
  /** Report each tick as `pushed`. */
  readonly tell: boolean;
}

/** What a server can be told. */
export type Command = { readonly do: "open" | "count" | "settle" } | StreamOrder;

/** What a server tells; times are milliseconds since the epoch, with their fractions. */
export type Report =
  | { readonly event: "listening"; readonly address: string }
  | { readonly event: "settled" }
  | { readonly event: "counted"; readonly imports: number; readonly verifications: number }
  | { readonly event: "ready" | "streaming" | "pushed"; readonly at: number };

/** Carries out the commands on stdin; the process ends with its input. */
export async function control(carryOut: (command: Command) => void): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) carryOut(JSON.parse(line));
  }
  Deno.exit(0);
}

const encoder = new TextEncoder();

/** Tells something. */
export function report(record: Report): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(record)}\n`));
}
