/**
 * Which versions this process wrote last, so that a commit which checks an older one need not be
 * sent to fail, and with it all that would have gone together with it.
 *
 * @module
 */
import type { BatchItem } from "./commit_batch.ts";

/** Keys that are remembered: those of more threads than are written to at once. */
const MAX_KEYS = 8_192;

/** Versions that keys surely have, or had before newer ones. */
export class LatestVersions {
  /** Oldest first. */
  readonly #versions = new Map<string, string>();

  /** A commit holds: what it checked and wrote has this version now. */
  note({ checks, writes }: BatchItem, version: string): void {
    for (const { name } of checks) {
      if (!writes.has(name)) continue;
      const known = this.#versions.get(name);
      // Commits in several lanes may be told of out of order.
      if (known !== undefined && known > version) continue;
      this.#versions.delete(name);
      this.#versions.set(name, version);
    }
    for (const oldest of this.#versions.keys()) {
      if (this.#versions.size <= MAX_KEYS) return;
      this.#versions.delete(oldest);
    }
  }

  /** Whether a commit checks a version that is overruled: it cannot hold any more. */
  overrule({ checks }: BatchItem): boolean {
    // A key that was absent may be so again. Deno KV's versions grow, and are of one length.
    return checks.some(({ name, version }) =>
      version !== null && version < (this.#versions.get(name) ?? "")
    );
  }
}
