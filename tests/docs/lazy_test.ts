/**
 * What the documents cost those who do not ask for them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { needs } from "../support/permissions.ts";

const ROOT = new URL("../../", import.meta.url);

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier?: string };
  }[];
}

/** The modules that are loaded with `entry`: by imports that are neither dynamic nor of types alone. */
async function loadedWith(entry: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { modules }: { modules: ModuleInfo[] } = JSON.parse(new TextDecoder().decode(stdout));
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set([new URL(entry, ROOT).href]);
  for (const specifier of loaded) {
    for (const { code, isDynamic } of known.get(specifier)?.dependencies ?? []) {
      if (code?.specifier !== undefined && !isDynamic) loaded.add(code.specifier);
    }
  }
  return [...loaded].filter((specifier) => specifier.startsWith(ROOT.href))
    .map((specifier) => specifier.slice(ROOT.href.length));
}

Deno.test({
  ...needs("run", "read")("a start loads nothing that only the documents need"),
  async fn() {
    // The entry, and what it loads once it listens.
    const entries = ["main.ts", "lib/server.ts", "lib/bootstrap.ts", "routes/app.ts"];
    const loaded = (await Promise.all(entries.map(loadedWith))).flat();
    assert(loaded.includes("routes/docs/routes.ts"), loaded.join());
    const isForDocuments = (path: string): boolean =>
      /^lib\/(?:http|chat\/notes)\/|^lib\/error_notes\.ts$/.test(path) ||
      (path.startsWith("routes/docs/") && path !== "routes/docs/routes.ts");
    assertEquals(loaded.filter(isForDocuments), []);
  },
});
