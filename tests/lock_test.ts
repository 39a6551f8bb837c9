import { assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { needs } from "./support/permissions.ts";

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, unknown>>;
}

const withSources = needs("read");
const read = (path: string): Promise<string> =>
  Deno.readTextFile(new URL(`../${path}`, import.meta.url));
const readLock = async (path: string): Promise<Lock> => JSON.parse(await read(path));

Deno.test({
  ...withSources("server.lock says of each package what deno.lock says"),
  async fn() {
    const [server, all] = [await readLock("server.lock"), await readLock("deno.lock")];
    for (const part of ["specifiers", "npm"] as const) {
      for (const [name, value] of Object.entries(server[part])) {
        // A version's own dependencies may be resolved for more packages than these.
        assertEquals(value, all[part][name], name);
      }
    }
    assertEquals(Object.keys(server.specifiers).includes("npm:hono@^4.13.19"), true);
  },
});

Deno.test({
  ...withSources("what is installed for the server is what main.ts loads"),
  async fn() {
    const main = await read("main.ts");
    // Each names its module twice: for the types, and for the import.
    const loads = [...main.matchAll(/load<typeof import\("\.\/([^"]+)"\)>\(\s*"\.\/\1",?\s*\)/g)];
    assertEquals(loads.length, main.split("load<typeof").length - 1);
    const modules = [...new Set(["main.ts", ...loads.map(([, path]) => path!)])].sort();
    const { cache, lock } = config.tasks;
    for (const command of [cache.command, lock.command, config.deploy.install]) {
      const installed = command.split("--entrypoint ")[1]!.split(" ");
      assertEquals(installed.toSorted(), modules, command);
    }
  },
});
