/**
 * Typed readers over an environment that collect every fault instead of
 * stopping at the first. No fault ever shows a value: any could be a secret
 * that was pasted into the wrong variable.
 *
 * @module
 */
import { MAX_TIMER_MS } from "../limits.ts";
import { type VariableName, VARIABLES } from "./variables.ts";

/** One thing that is wrong with the environment. */
export interface ConfigFault {
  /** The variable to change. */
  readonly variable: string;
  /** What is allowed; completes the sentence that starts with the variable's name. */
  readonly problem: string;
}

/** Everything that is wrong with the environment; its message has one line for each fault. */
export class ConfigError extends Error {
  /** `ConfigError`. */
  override readonly name = "ConfigError";
  /** The faults, in the order in which they were found. Never holds a value. */
  readonly faults: readonly ConfigFault[];

  /** Makes the error of at least one fault. */
  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ variable, problem }) => `  - ${variable} ${problem}`);
    const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
    super(`The configuration has ${count}:\n${lines.join("\n")}`);
    this.faults = faults;
  }
}

/** The environment as it came: names to values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads variables; each reader answers `undefined` for what is unset, empty or at fault. */
export class EnvironmentReader {
  readonly #environment: Environment;
  readonly #faults: ConfigFault[] = [];

  /** Reads from `environment`, which is not copied. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** What was found wrong so far. */
  get faults(): readonly ConfigFault[] {
    return this.#faults;
  }

  /** Notes a fault; `problem` defaults to the variable's own "must be …". */
  fault(variable: VariableName, problem = `must be ${VARIABLES[variable].allowed}`): void {
    this.#faults.push({ variable, problem });
  }

  /** Notes a fault of a variable that the table does not hold. */
  faultOf(variable: string, problem: string): void {
    this.#faults.push({ variable, problem });
  }

  /** Whether the variable is set to something, right or wrong. */
  has(name: VariableName): boolean {
    return this.text(name) !== undefined;
  }

  /** The value as it is, spaces kept: a secret's every byte counts. */
  exact(name: VariableName): string | undefined {
    return this.#environment[name] || undefined;
  }

  /** The value without the spaces around it. */
  text(name: VariableName): string | undefined {
    return this.#environment[name]?.trim() || undefined;
  }

  /** One of `choices`. */
  choice<Choice extends string>(
    name: VariableName,
    choices: readonly Choice[],
  ): Choice | undefined {
    const text = this.text(name);
    const found = choices.find((choice) => choice === text);
    if (text !== undefined && found === undefined) this.fault(name);
    return found;
  }

  /** A decimal integer from `least` to `most`. */
  integer(name: VariableName, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parseInteger(text);
    if (value !== undefined && value >= least && value <= most) return value;
    this.fault(name);
    return undefined;
  }

  /** A positive integer of milliseconds, clamped to what a timer can wait (24.8 days). */
  timerMs(name: VariableName): number | undefined {
    const value = this.integer(name, 1, Number.MAX_SAFE_INTEGER);
    return value === undefined ? undefined : Math.min(value, MAX_TIMER_MS);
  }

  /** A token that fits into an HTTP header: visible ASCII (RFC 9110 §5.5). */
  visible(name: VariableName): string | undefined {
    const text = this.text(name);
    if (text === undefined || /^[\x21-\x7e]+$/.test(text)) return text;
    this.fault(name);
    return undefined;
  }

  /** An `http:` or `https:` address, as it was written. */
  httpUrl(name: VariableName): string | undefined {
    const text = this.text(name);
    if (text === undefined || isHttpUrl(text)) return text;
    this.fault(name);
    return undefined;
  }

  /** The parts between commas, without the spaces around them; empty parts are left out. */
  list(name: VariableName): readonly string[] {
    return (this.text(name) ?? "").split(",").map((part) => part.trim()).filter((part) => part);
  }
}

/** The non-negative safe integer that `text` spells in plain decimal digits, if it does. */
export function parseInteger(text: string): number | undefined {
  if (!/^(0|[1-9]\d*)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Whether `text` is an absolute `http:` or `https:` address. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/\s]/i.test(text) && URL.canParse(text);
}
