/**
 * Why the gate does not open. A browser tells a page nothing of a refused handshake, so the page asks
 * over HTTP what is the matter.
 *
 * @module
 */
/// <reference lib="dom" />
import type { StartupPhase } from "../../../../lib/client/mod.ts";
import { type Api, ApiError } from "./api.ts";
import { SignedOutError } from "./tokens.ts";

/** What was found. */
export type Diagnosis =
  | { readonly kind: "offline" }
  | { readonly kind: "unreachable" }
  | { readonly kind: "starting"; readonly phases: readonly StartupPhase[] }
  /** The server's own code. */
  | { readonly kind: "refused"; readonly code: string }
  /** The server is there, and nobody gives a token for it. */
  | { readonly kind: "no-token" }
  /** HTTP works, so that only the handshake was refused. */
  | { readonly kind: "socket-refused" };

/** What is asked. */
export interface DiagnosisParts {
  readonly api: Pick<Api, "threads">;
  /** The document of `/health/startup`; rejects where nothing answers. */
  readonly startup: () => Promise<unknown>;
  readonly isOnline: () => boolean;
}

/** Asks the server; never rejects. */
export async function diagnose(parts: DiagnosisParts): Promise<Diagnosis> {
  if (!parts.isOnline()) return { kind: "offline" };
  try {
    const startup = readStartup(await parts.startup());
    if (startup !== null && startup.state !== "ready") {
      if (startup.state === "draining") return { kind: "refused", code: "DRAINING" };
      if (startup.state === "failed") return { kind: "refused", code: "SERVICE_UNAVAILABLE" };
      return { kind: "starting", phases: startup.phases };
    }
  } catch {
    return { kind: "unreachable" };
  }
  try {
    await parts.api.threads(null, 1);
    return { kind: "socket-refused" };
  } catch (error) {
    if (error instanceof ApiError) return { kind: "refused", code: error.code };
    if (error instanceof SignedOutError) return { kind: "refused", code: "UNAUTHENTICATED" };
    // The server has just answered: what failed is whoever gives tokens out.
    return { kind: "no-token" };
  }
}

function readStartup(
  document: unknown,
): { state: string; phases: readonly StartupPhase[] } | null {
  const { startup } = (document ?? {}) as { startup?: { state?: unknown; phases?: unknown } };
  if (typeof startup?.state !== "string" || !Array.isArray(startup.phases)) return null;
  return { state: startup.state, phases: startup.phases as readonly StartupPhase[] };
}

/** Names of the services that `/health` counts as lost. */
export function lostServices(document: unknown): readonly string[] {
  const { checks } = (document ?? {}) as { checks?: unknown };
  if (typeof checks !== "object" || checks === null) return [];
  return Object.entries(checks).filter(([, list]) =>
    Array.isArray(list) && list.some((check) => (check as { status?: unknown })?.status !== "pass")
  ).map(([name]) => name);
}
