/**
 * How a start-up is written down: phases, typed by what they hand on, and the
 * plan that makes services of them.
 *
 * @module
 */
import { type Late, Phase, type PhaseContext, type PhaseTraits } from "./phase.ts";

/** Phases by the names under which their results are handed on. */
export type PhaseMap = Readonly<Record<string, Phase>>;

/** What phases hand on: a critical one its result, an optional one a {@linkcode Late} handle. */
export type ResultsOf<D extends PhaseMap> = {
  readonly [K in keyof D]: D[K] extends Phase<infer T, true> ? T
    : D[K] extends Phase<infer T, false> ? Late<T>
    : never;
};

/** A phase that needs no other. */
export interface RootPhase<T, C extends boolean> extends PhaseTraits<T, C> {
  /** Absent. */
  readonly after?: undefined;
  /** Builds the result; called anew for each try. Should end when its signal aborts. */
  run(context: PhaseContext): Promise<T>;
}

/** A phase that needs others: it starts when the critical ones are done, and waits for no optional one. */
export interface DependentPhase<T, C extends boolean, D extends PhaseMap>
  extends PhaseTraits<T, C> {
  /** The phases that it needs. */
  readonly after: D;
  /** Builds the result from theirs; called anew for each try. Should end when its signal aborts. */
  run(results: ResultsOf<D>, context: PhaseContext): Promise<T>;
}

/**
 * Defines a phase. It builds nothing until a start-up runs it.
 *
 * ```ts
 * import { phase } from "./phases.ts";
 *
 * const store = phase({ name: "store", critical: true, run: () => Promise.resolve(new Map()) });
 * const threads = phase({
 *   name: "threads",
 *   critical: true,
 *   after: { store },
 *   run: ({ store }) => Promise.resolve({ count: () => store.size }),
 * });
 * ```
 */
export function phase<T, const C extends boolean>(definition: RootPhase<T, C>): Phase<T, C>;
/** Defines a phase that needs others; `after` types their results. */
export function phase<T, const C extends boolean, const D extends PhaseMap>(
  definition: DependentPhase<T, C, D>,
): Phase<T, C>;
export function phase<T, C extends boolean, D extends PhaseMap>(
  definition: RootPhase<T, C> | DependentPhase<T, C, D>,
): Phase<T, C> {
  return new Phase({
    name: definition.name,
    critical: definition.critical,
    needs: Object.values(definition.after ?? {}),
    run: (context) =>
      isRoot(definition)
        ? definition.run(context)
        : definition.run(resultsOf(definition.after), context),
    dispose: (value) => definition.dispose?.(value),
  });
}

/**
 * What a start-up does, and what it makes of it.
 *
 * @typeParam S What the start-up builds.
 */
export interface Plan<S> {
  /** All phases, each after those it needs: the order of reports, and in reverse of disposal. */
  readonly phases: readonly Phase[];
  /** Puts the results together. Called when all critical phases are done. */
  services(): S;
}

/**
 * Plans a start-up that runs `phases` and makes services of their results.
 *
 * @throws {Error} If two phases share a name, or one needs a phase that is not listed before it.
 */
export function plan<S, const D extends PhaseMap>(
  phases: D,
  services: (results: ResultsOf<D>) => S,
): Plan<S> {
  const all = Object.values(phases);
  for (const [index, { name, needs }] of all.entries()) {
    const before = all.slice(0, index);
    if (before.some((other) => other.name === name)) {
      throw new Error(`Cannot plan the start-up: two phases are named ${name}`);
    }
    const missing = needs.find((need) => !before.includes(need));
    if (missing !== undefined) {
      throw new Error(`Cannot plan the start-up: ${missing.name} must be listed before ${name}`);
    }
  }
  return { phases: all, services: () => services(resultsOf(phases)) };
}

function isRoot<T, C extends boolean, D extends PhaseMap>(
  definition: RootPhase<T, C> | DependentPhase<T, C, D>,
): definition is RootPhase<T, C> {
  return definition.after === undefined;
}

/** TypeScript cannot follow `Object.entries` through a mapped type: the one cast of this module. */
function resultsOf<D extends PhaseMap>(phases: D): ResultsOf<D> {
  return Object.fromEntries(
    Object.entries(phases).map(([key, phase]) => [key, phase.critical ? phase.result : phase]),
  ) as ResultsOf<D>;
}
