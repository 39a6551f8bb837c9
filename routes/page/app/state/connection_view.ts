/**
 * What the page says of its connection, in plain words and with a next step.
 *
 * @module
 */
import type { ClientState, DrawbridgeError } from "../../../../lib/client/mod.ts";
import type { Diagnosis } from "./diagnosis.ts";

/** What can be done about it. */
export type Action =
  /** Connect now instead of later. */
  | "try-now"
  /** Begin anew with another name or token. */
  | "sign-in"
  /** Load the page anew. */
  | "reload";

/** What is said. */
export interface ConnectionView {
  /** How much it matters: `calm` passes by itself, `stop` does not. */
  readonly tone: "calm" | "warn" | "stop";
  /** A few words. */
  readonly title: string;
  /** A sentence or two. */
  readonly detail: string;
  readonly action: Action | null;
}

/** What is said in `state`; null where there is nothing to say. */
export function connectionView(
  state: ClientState,
  diagnosis: Diagnosis | null,
  lost: readonly string[] = [],
): ConnectionView | null {
  switch (state.kind) {
    case "idle":
      return null;
    case "connecting":
      return calm("Connecting", "Knocking at the gate.");
    case "waiting-for-startup":
      return calm("Starting", "The server is getting ready. The gate opens by itself.");
    case "ready":
    case "degraded":
      return degraded(lost);
    case "reconnecting":
      return reconnecting(state, diagnosis);
    case "closed":
      return closed(state.error);
  }
}

function degraded(lost: readonly string[]): ConnectionView | null {
  if (lost.length === 0) return null;
  if (lost.includes("store") || lost.includes("threads")) {
    return warn(
      "Messages cannot be stored",
      "The server has lost its database. What you send waits on this device and goes out by itself.",
      null,
    );
  }
  if (lost.includes("model")) {
    return warn(
      "The model is out of reach",
      "Your messages are kept, but answers may fail for now. Use “Try again” once this line is gone.",
      null,
    );
  }
  return warn(
    "Running with something missing",
    `Out of service for now: ${lost.join(", ")}. The rest works.`,
    null,
  );
}

function reconnecting(
  { error, end }: Extract<ClientState, { kind: "reconnecting" }>,
  diagnosis: Diagnosis | null,
): ConnectionView {
  // No socket was made: there was no token for one.
  if (end === null) return withoutToken(diagnosis);
  if (error !== null) return ofCode(error.code);
  if (end.code === 1012) {
    return calm("Reconnecting", "The server restarts. Answers go on where they were.");
  }
  if (end.code === 1013) {
    return calm("Reconnecting", "This device was too slow to read along. Nothing is lost.");
  }
  if (end.code === 4429) return ofCode("RATE_LIMITED");
  if (end.code === 4401) return ofCode("TOKEN_EXPIRED");
  if (end.wasOpen) {
    return calm("Reconnecting", "The connection was lost. Nothing is lost with it.");
  }
  return diagnosis === null
    ? calm("Reconnecting", "The server does not let this page in yet. Asking why.")
    : diagnosed(diagnosis);
}

function withoutToken(diagnosis: Diagnosis | null): ConnectionView {
  if (diagnosis === null) return calm("Reconnecting", "Asking for a new session.");
  // HTTP may have got along with the last token.
  return diagnosed(diagnosis.kind === "socket-refused" ? { kind: "no-token" } : diagnosis);
}

function diagnosed(diagnosis: Diagnosis): ConnectionView {
  switch (diagnosis.kind) {
    case "offline":
      return warn("You are offline", "The page connects when your network is back.", "try-now");
    case "unreachable":
      return warn(
        "Reconnecting",
        "The server cannot be reached. The page keeps trying.",
        "try-now",
      );
    case "starting":
      return calm("Starting", "The server is getting ready. The gate opens by itself.");
    case "refused":
      return ofCode(diagnosis.code);
    case "no-token":
      return warn(
        "No session to be had",
        "Whoever signs you in does not answer as it should. The page keeps trying.",
        "try-now",
      );
    case "socket-refused":
      return warn(
        "The live connection is refused",
        "The server answers, but opens no live connection from here: either you have too many pages " +
          "open, or this address is not among its allowed origins. Close other pages, or ask whoever " +
          "runs it.",
        "try-now",
      );
  }
}

/** What a code of the server's registry means here. */
function ofCode(code: DrawbridgeError["code"] | string): ConnectionView {
  switch (code) {
    case "STARTUP_INCOMPLETE":
      return calm("Still starting", "It takes longer than usual. The page keeps its place.");
    case "SERVICE_UNAVAILABLE":
    case "STORE_UNAVAILABLE":
      return warn(
        "The gate stays closed for now",
        "A part that the server cannot do without does not answer. The page keeps trying.",
        "try-now",
      );
    case "DRAINING":
      return calm("Reconnecting", "The server restarts. Answers go on where they were.");
    case "ADMISSION_FULL":
      return warn("The server is full", "There is no room for another connection yet.", "try-now");
    case "TOO_MANY_CONNECTIONS":
      return warn(
        "Too many pages open",
        "You have as many connections as one person may have. Close other pages of this chat.",
        "try-now",
      );
    case "RATE_LIMITED":
      return warn(
        "Slow down a little",
        "This page asked too much at once. It pauses and returns.",
        null,
      );
    case "TOKEN_EXPIRED":
      return calm("Renewing your session", "Your session had ended and is being renewed.");
    case "UNAUTHENTICATED":
      return stop(
        "Not signed in",
        "The server does not accept this page’s session. Sign in again to go on; what you wrote is kept.",
        "sign-in",
      );
    case "AUTH_UNAVAILABLE":
      return warn(
        "Sessions cannot be checked",
        "The server cannot verify who you are yet.",
        "try-now",
      );
    case "ORIGIN_NOT_ALLOWED":
      return stop(
        "This address is not allowed",
        "The server takes no connections from a page at this address. Ask whoever runs it to add it.",
        "reload",
      );
    default:
      return warn("Reconnecting", `The server said ${code}. The page keeps trying.`, "try-now");
  }
}

function closed(error: DrawbridgeError | null): ConnectionView | null {
  if (error === null) return null;
  switch (error.code) {
    case "UNAUTHENTICATED":
    case "TOKEN_EXPIRED":
      return stop(
        "You are signed out",
        "Your session has ended. Sign in again to go on; what you wrote is kept.",
        "sign-in",
      );
    default:
      return stop(
        "The connection has ended",
        "This page and the server do not understand each other. Load the page again.",
        "reload",
      );
  }
}

function calm(title: string, detail: string): ConnectionView {
  return { tone: "calm", title, detail, action: null };
}

function warn(title: string, detail: string, action: Action | null): ConnectionView {
  return { tone: "warn", title, detail, action };
}

function stop(title: string, detail: string, action: Action): ConnectionView {
  return { tone: "stop", title, detail, action };
}
