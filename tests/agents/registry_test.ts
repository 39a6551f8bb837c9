import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AgentRegistry, DEFAULT_INSTRUCTIONS, defaultAgents } from "../../lib/agents/registry.ts";
import { testAgent } from "../support/answers.ts";

const search = { search: () => Promise.resolve([]) };

Deno.test("AgentRegistry finds agents by name and answers with the first by default", () => {
  const first = testAgent({ name: "first" });
  const second = testAgent({ name: "second" });
  const registry = new AgentRegistry([first, second]);
  assertStrictEquals(registry.get("first"), first);
  assertStrictEquals(registry.get("second"), second);
  assertStrictEquals(registry.default, first);
  assertEquals(registry.get("third"), undefined);
});

Deno.test("AgentRegistry knows no agent by the name of an object's own method", () => {
  assertEquals(new AgentRegistry([testAgent()]).get("constructor"), undefined);
});

Deno.test("AgentRegistry refuses to be empty, or to hold two agents of one name", () => {
  assertThrows(() => new AgentRegistry([]), TypeError);
  assertThrows(() => new AgentRegistry([testAgent(), testAgent()]), TypeError);
});

Deno.test("defaultAgents gives one agent, named default, with two tools", () => {
  const [agent, ...others] = defaultAgents({ search });
  assertEquals(others, []);
  assertEquals([agent?.name, agent?.instructions], ["default", DEFAULT_INSTRUCTIONS]);
  assertEquals(Object.keys(agent?.tools ?? {}), ["currentTime", "searchThreads"]);
});

Deno.test("defaultAgents takes the operator's instructions", () => {
  assertEquals(defaultAgents({ search, instructions: "Rhyme." })[0]?.instructions, "Rhyme.");
});
