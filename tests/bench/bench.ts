/**
 * What a bench is: work that is done for each target in turn, again and again,
 * and the goals that its figures are held against.
 *
 * @module
 */
import { excess, median, ratio } from "./stats.ts";

/**
 * Who does the work: this server, `drawbridge`; its references, `raw` and `bare`; its peers, `ws`
 * and `socket.io`; or this server at different scales, by their names.
 */
export type TargetName = string;

/** What one repetition measured on one target, by the names of {@linkcode Bench.figures}. */
export type Figures = Readonly<Record<string, number>>;

/** What a bench measures. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Digits after the point in tables; 0 where left out. */
  readonly digits?: number;
}

/** What the figures of this server are to be. */
export interface Goal {
  /** What README's table calls it. */
  readonly work: string;
  readonly figure: string;
  /** A multiple of a reference, an excess over it, or a plain number. */
  readonly kind: "ratio" | "excess" | "value";
  /** Whose figure it is; `drawbridge` where left out. */
  readonly target?: TargetName;
  /** Whose figure it is held against; `raw` where left out. */
  readonly reference?: TargetName;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One bench. */
export interface Bench {
  /** Its name on the command line. */
  readonly name: string;
  /** What is done, in one sentence. */
  readonly title: string;
  /** In the order of the repetitions; tables compare the others with the first. */
  readonly targets: readonly TargetName[];
  readonly figures: readonly Figure[];
  readonly goals: readonly Goal[];
  /** Repetitions of a full run; 5 where left out. */
  readonly repetitions?: number;
  /**
   * One repetition on one target.
   *
   * @throws {MissingTarget} where this machine has no such target.
   */
  readonly measure: (target: TargetName, size: Size) => Promise<Figures>;
}

/** How much of everything: whole, enough to see (`--quick`), or to keep the bench from rotting. */
export type Size = "full" | "quick" | "tiny";

/** A target that cannot be had here. Its message says why. */
export class MissingTarget extends Error {
  override readonly name = "MissingTarget";
}

/** A goal and what became of it. */
export interface Judged {
  readonly goal: Goal;
  readonly measured: number;
  readonly met: boolean;
}

/** Everything that a bench measured. */
export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  /** By target, one for each repetition. */
  readonly samples: { readonly [Name in TargetName]?: readonly Figures[] };
  /** Why a target has none. */
  readonly missing: { readonly [Name in TargetName]?: string };
  readonly judged: readonly Judged[];
}

/** Figures that every bench has, where the system tells. */
export const LOADS: readonly Figure[] = [
  { name: "serverLoad", unit: "of a core, the server", digits: 2 },
  { name: "generatorLoad", unit: "of a core, the generator", digits: 2 },
];

/** Does all repetitions of a bench: A B A B …, so that a slow minute is everybody's. */
export async function runBench(
  bench: Bench,
  { size, repetitions, only }: {
    size: Size;
    repetitions: number;
    only?: readonly TargetName[] | undefined;
  },
): Promise<BenchResult> {
  const samples: { [Name in TargetName]?: Figures[] } = {};
  const missing: { [Name in TargetName]?: string } = {};
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const target of bench.targets) {
      if (target in missing || only !== undefined && !only.includes(target)) continue;
      try {
        (samples[target] ??= []).push(await bench.measure(target, size));
      } catch (error) {
        if (!(error instanceof MissingTarget)) throw error;
        delete samples[target];
        missing[target] = error.message;
      }
    }
  }
  const { name, title, figures, goals } = bench;
  return { name, title, figures, samples, missing, judged: judge(goals, samples) };
}

/** Holds the figures against the goals; a goal whose target or reference is missing is left out. */
export function judge(goals: readonly Goal[], samples: BenchResult["samples"]): Judged[] {
  return goals.flatMap((goal) => {
    const own = valuesOf(samples[goal.target ?? "drawbridge"], goal.figure);
    const reference = valuesOf(samples[goal.reference ?? "raw"], goal.figure);
    if (own.length === 0 || goal.kind !== "value" && reference.length === 0) return [];
    const measured = goal.kind === "value"
      ? median(own)
      : goal.kind === "ratio"
      ? ratio(own, reference)
      : excess(own, reference);
    const { atLeast = -Infinity, atMost = Infinity } = goal;
    return [{ goal, measured, met: measured >= atLeast && measured <= atMost }];
  });
}

/** A figure's value in each repetition. */
export function valuesOf(samples: readonly Figures[] | undefined, figure: string): number[] {
  return (samples ?? []).flatMap((figures) => {
    const value = figures[figure];
    return value === undefined ? [] : [value];
  });
}
