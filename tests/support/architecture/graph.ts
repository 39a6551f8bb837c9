/**
 * The module graph, as `deno info` sees it: static and dynamic imports, of values and of types.
 *
 * @module
 */

/**
 * For each module of the project, by its path (`lib/errors.ts`), what it imports: paths for modules
 * of the project, the written name (`zod`) for packages.
 */
export type ModuleGraph = ReadonlyMap<string, readonly string[]>;

interface DependencyInfo {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
}

interface GraphInfo {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly DependencyInfo[];
  }[];
}

/**
 * The graph of all modules below `root` that the `files` reach. Needs the permissions run, read, write.
 *
 * @param root The project's folder as a `file:` address, with a slash at its end.
 * @param files Paths below it.
 * @throws {Error} If a module cannot be resolved or parsed.
 */
export async function readGraph(root: URL, files: readonly string[]): Promise<ModuleGraph> {
  // `deno info` takes one module: one that imports them all, outside of the project.
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};`);
    await Deno.writeTextFile(entry, imports.join("\n"));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", new URL("deno.json", root).pathname, entry],
      cwd: root,
    }).output();
    const text = new TextDecoder();
    if (!success) throw new Error(`Cannot read the module graph: ${text.decode(stderr)}`);
    return parseGraph(JSON.parse(text.decode(stdout)), root);
  } finally {
    await Deno.remove(entry);
  }
}

/**
 * The graph in the answer of `deno info --json`.
 *
 * @throws {Error} If a module below `root` could not be resolved or parsed.
 */
export function parseGraph(info: GraphInfo, root: URL): ModuleGraph {
  const graph = new Map<string, string[]>();
  for (const { specifier, error, dependencies = [] } of info.modules) {
    if (!specifier.startsWith(root.href)) continue;
    if (error !== undefined) throw new Error(`Cannot read ${specifier}: ${error}`);
    const targets = dependencies.flatMap((dependency) => {
      const resolved = [dependency.code?.specifier, dependency.type?.specifier];
      return resolved
        .filter((target) => target !== undefined)
        .map((target) =>
          target.startsWith("file:") ? pathBelow(root, target) : dependency.specifier
        );
    });
    graph.set(pathBelow(root, specifier), [...new Set(targets)]);
  }
  return graph;
}

function pathBelow(root: URL, specifier: string): string {
  return specifier.startsWith(root.href) ? specifier.slice(root.href.length) : specifier;
}
