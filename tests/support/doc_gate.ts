/**
 * Reads what `deno doc --lint` says and fails on what a reader would miss: an export or a callable
 * without a docstring, an untyped return, a type of ours in a signature that nobody can import.
 *
 * The tool alone cannot pass here. It wants a type beside every schema, where the schema is the
 * type; a sentence on every field, also where its name says it all; and since 2.9 that types of npm
 * packages be exported again.
 *
 * Run by `deno task doc`, with the tool's output on stdin.
 *
 * @module
 */

/** One complaint of the tool. */
export interface Diagnostic {
  /** The tool's name of the rule, such as `missing-jsdoc`. */
  readonly rule: string;
  readonly message: string;
  /** Absolute path and line. */
  readonly path: string;
  readonly line: number;
  /** The line of source that is complained about. */
  readonly code: string;
}

const DIAGNOSTIC = /^error\[([a-z-]+)\]: (.*)\n\s*--> (.*?):(\d+):\d+\n\s*\|\s*\n\s*\d+ \| (.*)$/gm;

/**
 * The complaints in the tool's output, uncoloured.
 *
 * @throws {Error} If the output is not one of a finished run, or if not every complaint was understood.
 */
export function parseDiagnostics(output: string): Diagnostic[] {
  const found = [...output.matchAll(DIAGNOSTIC)].map(
    ([, rule = "", message = "", path = "", line = "", code = ""]) => ({
      rule,
      message,
      path,
      line: Number(line),
      code,
    }),
  );
  const promised = /^error: Found (\d+) documentation lint errors?/m.exec(output)?.[1];
  if (promised === undefined && !/^Checked \d+ files?$/m.test(output)) {
    throw new Error(`Cannot read the documentation lint: it did not finish\n${output}`);
  }
  if (found.length !== Number(promised ?? 0)) {
    throw new Error(
      `Cannot read the documentation lint: ${found.length} of ${promised} complaints understood`,
    );
  }
  return found;
}

/** Whether a reader would miss something. `source` is the text of the module complained about. */
export function matters({ rule, message, code }: Diagnostic, source: string): boolean {
  switch (rule) {
    case "missing-jsdoc":
      return /^export\b/.test(code) ||
        /^\s*(?:static |async |get |override |abstract )*[\w$]+[(<]/.test(code);
    case "missing-explicit-type":
      return false;
    case "private-type-ref": {
      const name = /references private type '([\w$]+)'/.exec(message)?.[1] ?? "";
      return new RegExp(`^(?:type|interface|(?:abstract )?class|enum) ${name}\\b`, "m").test(
        source,
      );
    }
    default:
      return true;
  }
}

if (import.meta.main) {
  const diagnostics = parseDiagnostics(await new Response(Deno.stdin.readable).text());
  const complaints: string[] = [];
  for (const diagnostic of diagnostics) {
    if (!matters(diagnostic, await Deno.readTextFile(diagnostic.path))) continue;
    const { rule, message, path, line } = diagnostic;
    complaints.push(`${path}:${line} ${rule}: ${message}\n`);
  }
  complaints.push(`${complaints.length} of ${diagnostics.length} complaints matter\n`);
  await Deno.stdout.write(new TextEncoder().encode(complaints.join("")));
  if (complaints.length > 1) Deno.exit(1);
}
