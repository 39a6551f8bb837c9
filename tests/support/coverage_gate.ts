/**
 * Fails where the tests cover too few lines of the product: `lib/` and `routes/`, without the
 * stand-ins in `lib/std/`. A module with code that no test ever loads counts as not covered at all. What
 * the chat page shows (`.tsx`) runs in a browser, where `tests/browser` sees it and no report does.
 *
 * Run by `deno task test:coverage` with the path of an LCOV report.
 *
 * @module
 */
import { tokenize } from "./architecture/tokens.ts";

/** Least share of lines that the tests must run, percent. */
const REQUIRED_PERCENT = 90;

/** The lines of one module. */
export interface FileCoverage {
  readonly path: string;
  /** Lines with code. */
  readonly lines: number;
  /** Those of them that ran. */
  readonly hit: number;
}

/** How often each line ran, by the module's path below `root`; modules elsewhere are left out. */
export function parseLcov(report: string, root: URL): Map<string, Map<number, number>> {
  const files = new Map<string, Map<number, number>>();
  let current = new Map<number, number>();
  for (const record of report.split("\n")) {
    const [, key, value = ""] = /^([A-Z]+):(.*)$/.exec(record) ?? [];
    if (key === "SF") {
      const path = value.startsWith(root.pathname) ? value.slice(root.pathname.length) : undefined;
      current = (path === undefined ? undefined : files.get(path)) ?? new Map();
      if (path !== undefined) files.set(path, current);
    } else if (key === "DA") {
      const [line = NaN, count = NaN] = value.split(",").map(Number);
      current.set(line, (current.get(line) ?? 0) + count);
    }
  }
  return files;
}

/** Joins a report with the product's modules: path and source of each that counts. */
export function measure(
  report: ReadonlyMap<string, ReadonlyMap<number, number>>,
  sources: ReadonlyMap<string, string>,
): FileCoverage[] {
  return [...sources].map(([path, source]) => {
    const counts = report.get(path);
    if (counts === undefined) return { path, lines: codeLines(source), hit: 0 };
    const hit = [...counts.values()].filter((count) => count > 0).length;
    return { path, lines: counts.size, hit };
  });
}

/** The share of lines that ran, percent; 100 where there are none. */
export function percent(files: readonly FileCoverage[]): number {
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const hit = files.reduce((sum, file) => sum + file.hit, 0);
  return lines === 0 ? 100 : (100 * hit) / lines;
}

/** What begins a line, at the left margin of a formatted module, that is left of it at run time. */
const RUN_TIME =
  /^(?!import|interface|type|declare|export (?:type|interface|\*|\{)|[}\])])[a-z(\[]/m;

/** Lines with code of a module that no report mentions; 0 where it declares types only. */
function codeLines(source: string): number {
  const tokens = tokenize(source);
  const lines = new Set(tokens.map((token) => token.line));
  const code = source.split("\n").filter((_, index) => lines.has(index + 1)).join("\n");
  return RUN_TIME.test(code) ? lines.size : 0;
}

async function productSources(root: URL): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}${name}`;
      if (isDirectory && path !== "lib/std") await visit(`${path}/`);
      else if (/\.ts$/.test(name) && !name.endsWith(".d.ts")) {
        sources.set(path, await Deno.readTextFile(new URL(path, root)));
      }
    }
  };
  await visit("lib/");
  await visit("routes/");
  return sources;
}

if (import.meta.main) {
  const root = new URL("../../", import.meta.url);
  const [reportPath = "coverage/lcov.info"] = Deno.args;
  const report = parseLcov(await Deno.readTextFile(new URL(reportPath, root)), root);
  const files = measure(report, await productSources(root));
  const below = files.filter((file) => percent([file]) < REQUIRED_PERCENT);
  const lines = below.toSorted((a, b) => percent([a]) - percent([b])).map((file) =>
    `${percent([file]).toFixed(1).padStart(6)} %  ${file.path} (${file.hit} of ${file.lines})\n`
  );
  const total = percent(files);
  lines.push(
    `${total.toFixed(1).padStart(6)} %  of all lines; ${REQUIRED_PERCENT} % are required\n`,
  );
  await Deno.stdout.write(new TextEncoder().encode(lines.join("")));
  if (total < REQUIRED_PERCENT) Deno.exit(1);
}
