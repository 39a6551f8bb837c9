/**
 * Disks that fill up, and files that nobody can write: what chmod cannot do to
 * the superuser. Needs `run`, and a machine where such things may be done.
 *
 * @module
 */
import { type NamedTest, needs } from "./permissions.ts";
import { needsServer, TempFolder } from "./server_process.ts";

/** What a test needs that starts a server on a disk of its own. */
export const needsSmallDisk = unless(
  "a machine where a tmpfs may be mounted",
  needsServer,
  canMount,
);

/** What a test needs that starts a server on files which cannot be written. */
export const needsImmutableFiles = unless(
  "a file system where chattr +i holds",
  needsServer,
  canFreezeFiles,
);

/** A file system in memory of a few megabytes. `await using` unmounts it. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: TempFolder;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
  }

  /** Mounts an empty one. */
  static async mount(megabytes: number): Promise<SmallDisk> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(new TempFolder());
    await run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder.path);
    stack.move();
    return new SmallDisk(folder);
  }

  /** Its absolute path. */
  get path(): string {
    return this.#folder.path;
  }

  /** Writes to its last byte. */
  async fill(): Promise<void> {
    using file = await Deno.open(this.#filler, { write: true, create: true, append: true });
    for (let block = new Uint8Array(65_536); block.length > 0;) {
      // A block of which a part fits is written in part, or not at all.
      const written = await file.write(block).catch((error) => {
        if (!(error instanceof Error && /No space left/.test(error.message))) throw error;
        return 0;
      });
      if (written === 0) block = block.subarray(0, block.length >> 1);
    }
  }

  /** Makes room again. */
  async free(): Promise<void> {
    await Deno.remove(this.#filler);
  }

  /** Lets nobody write any more, or everybody. While a file is open for writing, only the latter. */
  async turn(mode: "ro" | "rw"): Promise<void> {
    await run("mount", "-o", `remount,${mode}`, this.path);
  }

  /** Unmounts and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: a process that still holds a file of it must not keep the test from ending.
    await run("umount", "--lazy", this.path);
    await this.#folder[Symbol.asyncDispose]();
  }

  get #filler(): string {
    return `${this.path}/filler`;
  }
}

/** The files of a folder, written by nobody for as long as it lives, not through open handles either. */
export class FrozenFiles implements AsyncDisposable {
  readonly #paths: readonly string[];

  private constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /**
   * Freezes all files that are directly in a folder now, but for an index that SQLite maps into its
   * memory: to write a page of that which the kernel has just saved would be a SIGBUS, and no error.
   */
  static async in(folder: string): Promise<FrozenFiles> {
    const paths = [...Deno.readDirSync(folder)]
      .filter(({ isFile, name }) => isFile && !name.endsWith("-shm"))
      .map(({ name }) => `${folder}/${name}`);
    await run("chattr", "+i", ...paths);
    return new FrozenFiles(paths);
  }

  /** Lets them be written again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("chattr", "-i", ...this.#paths);
  }
}

/** `named`, ignored as well where the machine cannot do what is `needed`. */
function unless(
  needed: string,
  named: (name: string) => NamedTest,
  isPossible: () => boolean,
): (name: string) => NamedTest {
  // Asked once, and only where the test would run otherwise.
  const isMissing = !named("").ignore && !isPossible();
  return isMissing
    ? (name) => ({ name: `${name} [ignored: needs ${needed}]`, ignore: true })
    : named;
}

function canMount(): boolean {
  if (needs({ program: "mount" }, { program: "umount" })("").ignore) return false;
  const folder = Deno.makeTempDirSync({ prefix: "drawbridge-" });
  try {
    return succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder) &&
      succeeds("umount", folder);
  } finally {
    Deno.removeSync(folder);
  }
}

function canFreezeFiles(): boolean {
  if (needs({ program: "chattr" })("").ignore) return false;
  const path = Deno.makeTempFileSync({ prefix: "drawbridge-" });
  using file = Deno.openSync(path, { write: true });
  try {
    if (!succeeds("chattr", "+i", path)) return false;
    // Some file systems take the flag and then heed it at the next opening only.
    file.writeSync(new Uint8Array(1));
    return false;
  } catch {
    return true;
  } finally {
    succeeds("chattr", "-i", path);
    Deno.removeSync(path);
  }
}

function succeeds(program: string, ...args: string[]): boolean {
  return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (success) return;
  throw new Error(`Cannot ${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
