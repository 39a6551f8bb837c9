/**
 * What a test needs of the machine. Where that is missing the test is shown as ignored, with the
 * reason in its name: a plain `deno test` has no permissions and must still be green.
 *
 * @module
 */

/** A program that a test starts, by the names it may have on `PATH`. */
export interface Program {
  readonly program: string;
  /** Other names of it, and absolute paths. */
  readonly aliases?: readonly string[];
}

/** A permission, or a program. */
export type Need = Deno.PermissionName | Program;

/** The first fields of a test definition. */
export interface NamedTest {
  readonly name: string;
  readonly ignore: boolean;
}

/**
 * Names a test that runs only where every need is met, to be spread into its definition:
 *
 * ```ts ignore
 * Deno.test({ ...needs("net", "read")("the server answers on loopback"), async fn() {} });
 * ```
 */
export function needs(...all: readonly Need[]): (name: string) => NamedTest {
  const missing = all.map(missingPart).filter((part) => part !== undefined);
  const ignore = missing.length > 0;
  return (name) => ({
    name: ignore ? `${name} [ignored: needs ${missing.join(", ")}]` : name,
    ignore,
  });
}

/** The path of a program, or `undefined` where it is not installed or may not be looked for. */
export function findProgram({ program, aliases = [] }: Program): string | undefined {
  if (!isGranted("read") || !isGranted("env")) return undefined;
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return [program, ...aliases]
    .flatMap((name) => name.startsWith("/") ? [name] : folders.map((folder) => `${folder}/${name}`))
    .find(isFile);
}

function missingPart(need: Need): string | undefined {
  if (typeof need === "string") return isGranted(need) ? undefined : `permission ${need}`;
  const unasked = (["read", "env", "run"] as const).filter((name) => !isGranted(name));
  if (unasked.length > 0) return `permissions ${unasked.join(", ")} to start ${need.program}`;
  return findProgram(need) === undefined ? `the program ${need.program}` : undefined;
}

function isGranted(name: Deno.PermissionName): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // A folder on PATH may be missing, a file in place of a folder, or closed to us.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
