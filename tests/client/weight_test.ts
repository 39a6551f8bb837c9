/**
 * What ends up in a page's bundle: the client's own modules, and nothing that they know by type only.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { needs } from "../support/permissions.ts";

const FOLDER = new URL("../../lib/client/", import.meta.url);

/** Whether importing this leaves something to load at run time. */
function isLoaded(clause: string): boolean {
  return !/^type\b/.test(clause) && !/^\{(\s*type [\w$]+,?)*\s*\}$/.test(clause);
}

Deno.test({
  ...needs("read")("the client loads nothing but its own modules: no schemas and no packages"),
  async fn() {
    const loaded: string[] = [];
    for await (const { name } of Deno.readDir(FOLDER)) {
      const source = await Deno.readTextFile(new URL(name, FOLDER));
      const imports = source.matchAll(/^(?:import|export) ([^;]*?) from "([^"]+)";$/gms);
      for (const [, clause = "", from = ""] of imports) {
        if (isLoaded(clause) && !/^\.\/\w+\.ts$/.test(from)) loaded.push(`${name} loads ${from}`);
      }
      if (/^import "|\bimport\(/m.test(source)) {
        loaded.push(`${name} loads something by another form`);
      }
    }
    assertEquals(loaded, []);
  },
});

Deno.test({
  ...needs("run", "read")("the client's entry is loaded where nothing is permitted"),
  async fn() {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", new URL("mod.ts", FOLDER).pathname],
    }).output();
    assertEquals(success, true, new TextDecoder().decode(stderr));
  },
});
