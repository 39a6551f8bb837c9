import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Late } from "../../lib/startup/phase.ts";
import { phase, type PhaseMap, plan } from "../../lib/startup/phases.ts";
import { stays } from "./support.ts";

const noFault = (): never => {
  throw new Error("no dispose may fail here");
};
const newStore = () =>
  phase({ name: "store", critical: true, run: () => Promise.resolve({ rows: 3 }) });
const newModel = () => phase({ name: "model", critical: false, run: () => Promise.resolve("gpt") });

Deno.test("phase hands on a critical result as it is and an optional one as a Late", async () => {
  const store = newStore();
  const model = newModel();
  const agents = phase({
    name: "agents",
    critical: true,
    after: { store, model },
    run: (results, { signal }) => {
      const rows: number = results.store.rows;
      const late: Late<string> = results.model;
      // @ts-expect-error: an optional result may be missing
      const name: string = results.model.current;
      // @ts-expect-error: only what stands in `after` is handed on
      void results.keys;
      return Promise.resolve({ rows, late, name, signal });
    },
  });
  assertEquals(agents.needs, [store, model]);
  await store.tryOnce(stays(), noFault);
  await agents.tryOnce(stays(), noFault);
  assertEquals(agents.result.late.current, undefined);
  await model.tryOnce(stays(), noFault);
  assertEquals([agents.result.rows, agents.result.late.current], [3, "gpt"]);
  assertEquals(await agents.result.late.arrived, "gpt");
});

Deno.test("plan makes services of typed results", async () => {
  const store = newStore();
  const model = newModel();
  const made = plan({ store, model }, (results) => {
    const rows: number = results.store.rows;
    // @ts-expect-error: no such phase
    void results.keys;
    return { rows, model: results.model };
  });
  assertThrows(() => made.services(), Error, "Cannot use phase store");
  await store.tryOnce(stays(), noFault);
  const services: { rows: number; model: Late<string> } = made.services();
  assertEquals(services.rows, 3);
  assertStrictEquals(made.phases[1], model);
});

Deno.test("plan refuses two phases of one name", () => {
  assertThrows(
    () => plan({ a: newStore(), b: newStore() }, () => ({})),
    Error,
    "Cannot plan the start-up: two phases are named store",
  );
});

Deno.test("plan refuses a phase before what it needs, or without it", () => {
  const store = newStore();
  const run = () => Promise.resolve(0);
  const threads = phase({ name: "threads", critical: true, after: { store }, run });
  const maps: PhaseMap[] = [{ threads, store }, { threads }];
  for (const phases of maps) {
    assertThrows(
      () => plan(phases, () => ({})),
      Error,
      "Cannot plan the start-up: store must be listed before threads",
    );
  }
});
