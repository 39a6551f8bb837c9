/**
 * Random commits of random callers through a {@linkcode GroupedStore}, over a database that fails,
 * forgets to answer and is written by others: what everybody is told must be what some order of the
 * commits, one after another, explains.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import { AppError } from "../../lib/errors.ts";
import { GroupedStore } from "../../lib/threads/group_commit.ts";
import {
  type Check,
  type Commit,
  put,
  remove,
  type Store,
  UnknownCommitError,
} from "../../lib/threads/store.ts";

const KEYS = ["a", "b", "c", "d"] as const;
type Key = typeof KEYS[number];

/** What stands under each key: a version. */
type State = ReadonlyMap<string, string>;

type Fault = "fails" | "unknown-applied" | "unknown-lost";

/** A database in memory. Each commit takes effect and is answered when the scheduler says so. */
class ModelDatabase {
  /** Every state so far, oldest first. */
  readonly states: State[] = [new Map()];
  /** What was stored, in order: each commit's names. */
  readonly stored: { readonly commit: Commit; readonly version: string }[] = [];
  readonly #faults: (Fault | null)[];
  readonly #step: () => Promise<unknown>;

  constructor(faults: readonly (Fault | null)[], step: () => Promise<unknown>) {
    this.#faults = [...faults];
    this.#step = step;
  }

  get state(): State {
    return this.states.at(-1)!;
  }

  /** Takes effect now. */
  apply(commit: Commit): string | null {
    if (!commit.checks.every((check) => holds(this.state, check))) return null;
    const version = `v${String(this.states.length).padStart(6, "0")}`;
    const next = new Map(this.state);
    for (const write of commit.writes) {
      if (write.kind === "set") next.set(write.key[0] as string, version);
      else next.delete(write.key[0] as string);
    }
    this.states.push(next);
    this.stored.push({ commit, version });
    return version;
  }

  /** The part of the port that is asked here. */
  get store(): Store {
    const commit = async (commit: Commit): Promise<string | null> => {
      const fault = this.#faults.shift() ?? null;
      await this.#step();
      if (fault === "fails") throw new AppError("STORE_UNAVAILABLE");
      const version = fault === "unknown-lost" ? null : this.apply(commit);
      await this.#step();
      if (fault !== null) throw new UnknownCommitError(fault);
      return version;
    };
    return { commit, available: true, close: () => {} } as unknown as Store;
  }
}

function holds(state: State, { key, version }: Check): boolean {
  return (state.get(key[0] as string) ?? null) === version;
}

/** One caller's commit, before it knows the versions. */
interface Draft {
  /** Checked as they are just before, or as they were a while ago. */
  readonly checks: readonly { readonly key: Key; readonly stale: boolean }[];
  readonly sets: readonly Key[];
  readonly deletes: readonly Key[];
}

/** What became of one commit. */
interface Told {
  readonly name: string;
  readonly commit: Commit;
  /** The number of states when it was asked for, and when it was answered. */
  readonly from: number;
  readonly until: number;
  readonly outcome: { readonly version: string | null } | "failed" | "unknown";
}

const keys = fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 2 });
const draft: fc.Arbitrary<Draft> = fc.record({
  checks: fc.uniqueArray(
    fc.record({ key: fc.constantFrom(...KEYS), stale: fc.nat(4).map((dice) => dice === 0) }),
    { maxLength: 3, selector: ({ key }) => key },
  ),
  sets: keys,
  deletes: keys,
});
const fault = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom<Fault[]>("fails", "unknown-applied", "unknown-lost") },
);

const scenario = fc.record({
  scheduler: fc.scheduler(),
  callers: fc.array(fc.array(draft, { minLength: 1, maxLength: 3 }), {
    minLength: 2,
    maxLength: 12,
  }),
  /** Another process, which writes to the database itself. */
  strangers: fc.array(fc.tuple(keys, keys), { maxLength: 3 }),
  faults: fc.array(fault, { maxLength: 12 }),
  lanes: fc.integer({ min: 1, max: 3 }),
});

/** How often it came to what makes it hard. */
interface Seen {
  joined: number;
  conflicts: number;
  unknown: number;
}

Deno.test("GroupedStore tells every caller what some order of all commits explains", async () => {
  const seen: Seen = { joined: 0, conflicts: 0, unknown: 0 };
  await fc.assert(
    fc.asyncProperty(scenario, async ({ scheduler, callers, strangers, faults, lanes }) => {
      const step = () => scheduler.schedule(Promise.resolve());
      const database = new ModelDatabase(faults, step);
      const store = new GroupedStore(database.store, { lanes });
      const told: Told[] = [];
      const call = async (caller: number, drafts: readonly Draft[]): Promise<void> => {
        for (const [at, one] of drafts.entries()) {
          told.push(await commitAndTell(database, store, { name: `${caller}-${at}`, draft: one }));
          await step();
        }
      };
      const intrude = async (): Promise<void> => {
        for (const [sets, deletes] of strangers) {
          await step();
          const writes = [
            ...sets.map((key) => put([key], 0)),
            ...deletes.map((key) => remove([key])),
          ];
          if (writes.length > 0) database.apply({ checks: [], writes });
        }
      };
      await scheduler.waitFor(
        Promise.all([intrude(), ...callers.map((drafts, at) => call(at, drafts))]),
      );
      assertEquals(told.length, callers.flat().length);
      explain(database, told);
      count(seen, database, told);
    }),
    { numRuns: 1_000 },
  );
  assert(seen.joined > 500 && seen.conflicts > 500 && seen.unknown > 100, JSON.stringify(seen));
});

async function commitAndTell(
  database: ModelDatabase,
  store: Store,
  { name, draft }: { name: string; draft: Draft },
): Promise<Told> {
  const versionOf = (state: State, key: Key) => state.get(key) ?? null;
  const commit: Commit = {
    checks: draft.checks.map(({ key, stale }) => ({
      key: [key],
      version: versionOf(
        stale ? database.states[database.states.length >> 1]! : database.state,
        key,
      ),
    })),
    writes: [
      put([name], name),
      ...draft.sets.map((key) => put<unknown>([key], name)),
      ...draft.deletes.map((key) => remove([key])),
    ],
  };
  const from = database.states.length - 1;
  let outcome: Told["outcome"];
  try {
    outcome = { version: await store.commit(commit) };
  } catch (error) {
    if (!(error instanceof UnknownCommitError || error instanceof AppError)) throw error;
    outcome = error instanceof AppError ? "failed" : "unknown";
  }
  return { name, commit, from, until: database.states.length, outcome };
}

/** Goes through everything stored, member by member, in the order in which it was stored. */
function explain(database: ModelDatabase, told: readonly Told[]): void {
  const byName = new Map(told.map((one) => [one.name, one]));
  const done = new Map<string, { version: string; at: number }>();
  let state: Map<string, string> = new Map();
  for (const [at, { commit, version }] of database.stored.entries()) {
    const names = commit.writes.map(({ key }) => key[0] as string).filter((key) => byName.has(key));
    const written = new Set<string>();
    for (const name of names) {
      assert(!done.has(name), `${name} was stored twice`);
      done.set(name, { version, at });
      const { checks, writes } = byName.get(name)!.commit;
      for (const check of checks) {
        assert(holds(state, check), `${name} was stored against its check`);
      }
      for (const write of writes) {
        const key = write.key[0] as string;
        if (write.kind === "set") state.set(key, version);
        else state.delete(key);
      }
      for (const key of new Set(writes.map(({ key }) => key[0] as string))) {
        // Whoever is told a version and checks it later must be the one who wrote that.
        assert(!written.has(key), `${key} has two writers at ${version}`);
        written.add(key);
      }
    }
    if (names.length === 0) state = new Map(database.states[at + 1]);
    assertEquals(state, database.states[at + 1], "the batch is not what its members make");
  }
  for (const { name, commit, from, until, outcome } of told) {
    const stored = done.get(name);
    if (outcome === "unknown") continue;
    if (outcome === "failed") assert(stored === undefined, `${name} failed, and is stored`);
    else if (outcome.version !== null) {
      assertEquals(stored?.version, outcome.version, `${name} was told another version`);
      assert(stored!.at >= from && stored!.at < until, `${name} was told before it was stored`);
    } else {
      assert(stored === undefined, `${name} met a conflict, and is stored`);
      const meanwhile = database.states.slice(from, until);
      assert(
        meanwhile.some((state) => !commit.checks.every((check) => holds(state, check))),
        `${name} was told of a conflict that never was`,
      );
    }
  }
}

function count(seen: Seen, { stored }: ModelDatabase, told: readonly Told[]): void {
  for (const { commit } of stored) {
    if (commit.writes.filter(({ key }) => /\d/.test(key[0] as string)).length > 1) seen.joined++;
  }
  for (const { outcome } of told) {
    if (outcome === "unknown") seen.unknown++;
    else if (outcome !== "failed" && outcome.version === null) seen.conflicts++;
  }
}
