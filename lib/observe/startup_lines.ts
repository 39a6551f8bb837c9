/**
 * The records of a start-up as lines for people: a column for the phase, one for what became
 * of it, one for its time.
 *
 * @module
 */
/** A record's data. */
export type Properties = Readonly<Record<string, unknown>>;

/** The text of a record's line; null for a record that is not a start-up's. */
export function startupLine(msg: string, properties: Properties): string | null {
  const { phase, attempts, attempt, timedOut, durationMs, retryAfterMs } = properties;
  const tries = Number(attempts) > 1 ? `after ${attempts} tries` : "";
  switch (msg) {
    case "startup phase ready":
      return columns(phase, "ready", durationMs, tries);
    case "startup phase failed":
      return columns(phase, "failed", durationMs, tries);
    case "startup phase runs":
      return columns(phase, "waiting", durationMs);
    case "startup try failed": {
      const why = timedOut === true
        ? "no answer in time"
        : messagesOf(properties["error"]).join(": ");
      return columns(phase, `try ${attempts}`, undefined, `failed: ${why}`);
    }
    case "startup failed":
      // The tries have said why.
      return `failed, again in ${time(retryAfterMs)}: ${messagesOf(properties["error"])[0]}`;
    case "startup state":
      return stateLine(properties, Number(attempt));
    default:
      return null;
  }
}

function stateLine(properties: Properties, attempt: number): string {
  const { state, durationMs, missing, address } = properties;
  if (state === "starting") return attempt > 1 ? `starting again, attempt ${attempt}` : "starting";
  if (state !== "ready") return String(state);
  const without = Array.isArray(missing) && missing.length > 0
    ? `, without ${missing.join(" and ")} so far`
    : "";
  return `ready in ${time(durationMs)}${without}: open ${address}`;
}

function columns(phase: unknown, word: string, durationMs: unknown, rest = ""): string {
  const duration = durationMs === undefined ? "" : time(durationMs);
  return `${String(phase).padEnd(9)} ${word.padEnd(8)} ${duration.padStart(7)}  ${rest}`.trimEnd();
}

function time(durationMs: unknown): string {
  const ms = Number(durationMs);
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** The messages of an error and of what caused it, each once. Its stack is in the JSON records. */
function messagesOf(error: unknown): string[] {
  const words: string[] = [];
  for (let at = error; typeof at === "object" && at !== null && "message" in at;) {
    const message = String(at.message);
    if (!words.some((word) => word.includes(message))) words.push(message);
    at = "cause" in at ? at.cause : undefined;
  }
  return words.length > 0 ? words : [String(error)];
}
