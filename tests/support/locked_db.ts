/**
 * A process that holds the write lock of an SQLite database, as a backup or a
 * forgotten shell does. Needs `run`.
 *
 * @module
 */
import { orHang } from "./feed.ts";

/** What the process does: it takes the lock, says so, and holds it until its input ends. */
const HOLD = `
import { DatabaseSync } from "node:sqlite";
const database = new DatabaseSync(Deno.args[0]);
database.exec("PRAGMA busy_timeout = 10000");
database.exec("BEGIN EXCLUSIVE");
console.log("locked");
await Deno.stdin.read(new Uint8Array(1));
database.exec("ROLLBACK");
database.close();
`;

/** The process. `await using` ends it, and its lock with it. */
export class LockedDatabase implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Locks the database at `path`, and waits until it is. */
  static async lock(path: string): Promise<LockedDatabase> {
    const program = `data:text/typescript,${encodeURIComponent(HOLD)}`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-config", "-A", program, path],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const database = new LockedDatabase(child);
    const reader = child.stdout.getReader();
    const { done } = await orHang(reader.read(), "the lock of the database");
    await reader.cancel();
    if (!done) return database;
    await database[Symbol.asyncDispose]();
    throw new Error(`Cannot lock ${path}`);
  }

  /** Gives the lock back and waits for the end of the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await orHang(this.#child.status, "the end of the process that held the lock");
  }
}
