/**
 * Rules on what a module's source may say. Each takes the path and the text and returns its
 * violations as sentences.
 *
 * @module
 */
import { tokenize } from "./tokens.ts";

/** Longest module of `lib/` and `routes/`, lines. */
const MAX_LINES = 250;

/** Which modules may use a guarded member of `Deno`. */
const GUARDED: Readonly<Record<string, (path: string) => boolean>> = {
  env: (path) => path === "main.ts",
  openKv: (path) => path === "lib/bootstrap.ts" || path.startsWith("lib/bootstrap/"),
  upgradeWebSocket: (path) => path === "routes/chat.ts",
};

/** Modules that must run without `Deno`: in a browser, or under a test's own socket. */
const WITHOUT_DENO = [
  "lib/errors.ts",
  "lib/limits.ts",
  "lib/chat/entries.ts",
  "lib/chat/protocol.ts",
  "lib/chat/session.ts",
  "lib/client/",
  "routes/page/app/",
];

/** `Deno.env`, `Deno.openKv` and `Deno.upgradeWebSocket` are used in one place each, and by no detour. */
export function denoIsUsedInItsPlaces(path: string, source: string): string[] {
  const tokens = tokenize(source);
  return tokens.flatMap((token, index) => {
    const at = `${path}:${token.line}`;
    const next = (offset: number): string | undefined => tokens[index + offset]?.text;
    if (token.kind !== "name") return [];
    if (token.text === "process" && next(1) === "." && next(2) === "env") {
      return [`${at} reads process.env; the environment is read by main.ts through Deno.env`];
    }
    const isComputed = token.text === "import" && next(1) === "(" &&
      tokens[index + 2]?.kind !== "string";
    // What main loads late it names in a type as well, which the rules do follow.
    if (isComputed && path !== "main.ts") {
      return [`${at} imports a name that is computed, which no rule can follow`];
    }
    if (token.text !== "Deno" || (next(-1) === "." && next(-2) !== "globalThis")) return [];
    if (WITHOUT_DENO.some((place) => path.startsWith(place))) return [`${at} uses Deno`];
    const member = next(1) === "?" ? next(3) : next(2);
    if (next(1) !== "." && !(next(1) === "?" && next(2) === ".")) {
      return [`${at} uses Deno otherwise than as Deno.member, which no rule can follow`];
    }
    const mayUse = member !== undefined && Object.hasOwn(GUARDED, member) && GUARDED[member];
    return mayUse && !mayUse(path) ? [`${at} uses Deno.${member}, which is not its place`] : [];
  });
}

/** Hono's context holds services only behind `requireReady`, never for everyone. */
export function honoIsNotAugmented(path: string, source: string): string[] {
  const tokens = tokenize(source);
  return tokens.flatMap((token, index) => {
    const next = (offset: number): string | undefined => tokens[index + offset]?.text;
    const augments = token.text === "declare" && next(1) === "module" &&
      /^hono(\/|$)/.test(next(2) ?? "");
    return augments || (token.kind === "name" && token.text === "ContextVariableMap")
      ? [`${path}:${token.line} augments Hono's context for everyone`]
      : [];
  });
}

/** What the product says goes through the log, where secrets are redacted and each record is one line. */
export function nothingWritesToTheConsole(path: string, source: string): string[] {
  // The log's own way to a platform that reads the console alone.
  if (path === "lib/observe/log_console.ts") return [];
  return tokenize(source).flatMap((token, index, tokens) => {
    if (token.kind !== "name" || token.text !== "console") return [];
    const [before = "", after = ""] = [tokens[index - 1]?.text, tokens[index + 1]?.text];
    const isOnlyAName = before === "." || (["{", ","].includes(before) && after === ":");
    return isOnlyAName ? [] : [`${path}:${token.line} uses console; records go through the log`];
  });
}

/** A module of `lib/` or `routes/` holds one idea. */
export function modulesAreShort(path: string, source: string): string[] {
  const lines = source.trimEnd().split("\n").length;
  return /^(lib|routes)\//.test(path) && lines > MAX_LINES
    ? [`${path} has ${lines} lines; ${MAX_LINES} are enough for one idea`]
    : [];
}
