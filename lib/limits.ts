/**
 * Every number that bounds something: its unit, its reason, its source.
 * Browser-safe: imports nothing.
 *
 * @module
 */

/** A configurable limit: the variable that sets it and what it is without one. */
interface LimitDefinition {
  readonly variable: string;
  readonly default: number;
}

/** The configurable limits. Each is a positive integer. */
export const LIMIT_DEFINITIONS = {
  /** One WebSocket frame, bytes; over it: close 1009. Twice a message leaves room for JSON escapes. */
  frameBytes: { variable: "LIMIT_FRAME_BYTES", default: 65_536 },
  /** One message's text, bytes of UTF-8; over it: `MESSAGE_TOO_LARGE`, HTTP 413. */
  messageBytes: { variable: "LIMIT_MESSAGE_BYTES", default: 32_768 },
  /** One answer, bytes of UTF-8; over it the run ends `failed`, `ANSWER_TOO_LARGE`. */
  answerBytes: { variable: "LIMIT_ANSWER_BYTES", default: 1_048_576 },
  /** Frames a second that refill a socket's token bucket. */
  framesPerSecond: { variable: "LIMIT_FRAMES_PER_SECOND", default: 20 },
  /** Size of that bucket, frames. */
  framesBurst: { variable: "LIMIT_FRAMES_BURST", default: 60 },
  /** Bad frames in a row; the last of them closes with 4400. */
  badFrames: { variable: "LIMIT_BAD_FRAMES", default: 10 },
  /** Open sockets of one subject on this instance; over it: 429. */
  socketsPerSubject: { variable: "LIMIT_SOCKETS_PER_SUBJECT", default: 50 },
  /** Callers of one subject in the waiting room; over it: 429. */
  waitingPerSubject: { variable: "LIMIT_WAITING_PER_SUBJECT", default: 20 },
  /** Callers in the waiting room; over it: 503. A pending request costs about 22 KB. */
  waiting: { variable: "LIMIT_WAITING", default: 10_000 },
  /** Bytes queued for one socket that its reader has not taken; over it: close 1013. */
  unsentBytes: { variable: "LIMIT_UNSENT_BYTES", default: 1_048_576 },
  /** Running runs on this instance; over it: `TOO_MANY_RUNS`. */
  runs: { variable: "LIMIT_RUNS", default: 200 },
  /** Running runs of one subject on this instance; over it: `TOO_MANY_RUNS`. */
  runsPerSubject: { variable: "LIMIT_RUNS_PER_SUBJECT", default: 10 },
  /** Silence of the model, milliseconds; over it: `MODEL_TIMEOUT`. */
  modelSilenceMs: { variable: "LIMIT_MODEL_SILENCE_MS", default: 30_000 },
  /** Resident memory of the process, bytes. Deno Deploy ends an instance at 512 MB. */
  memoryBytes: { variable: "LIMIT_MEMORY_BYTES", default: 450 * 1024 * 1024 },
} as const satisfies Record<string, LimitDefinition>;

/** The configurable limits' values, by name. */
export type Limits = { readonly [Name in keyof typeof LIMIT_DEFINITIONS]: number };

/** The limits as they are when nothing is configured. */
export const DEFAULT_LIMITS: Limits = Object.fromEntries(
  Object.entries(LIMIT_DEFINITIONS).map(([name, definition]) => [name, definition.default]),
) as Limits;

/** Longest id of a thread, message, run or frame, characters. */
export const MAX_ID_LENGTH = 64;

/** The alphabet and length of every id that a client chooses. */
export const ID_PATTERN: RegExp = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_ID_LENGTH}}$`);

/** Longest token that is read at all, bytes. Longer ones are refused unread. */
export const MAX_TOKEN_BYTES = 8 * 1024;

/** Longest `sub`, UTF-16 units: keeps a KV key (at most 2 KB) in bounds. */
export const MAX_SUBJECT_LENGTH = 256;

/** Longest thread title, UTF-16 units. */
export const MAX_TITLE_LENGTH = 200;

/** Threads open on one socket: bounds what one client makes the server follow; over it: `INVALID_REQUEST`. */
export const MAX_OPEN_THREADS = 1_000;

/** Runs that may wait in one thread behind its active run. */
export const MAX_QUEUED_RUNS = 10;

/** Attempts of one run, the first included, before it ends `interrupted`. */
export const MAX_RUN_ATTEMPTS = 3;

/** Frames dropped for flooding on one socket before it is closed with 4429. */
export const MAX_DROPPED_FRAMES = 100;

/** Longest close reason, bytes of UTF-8 (RFC 6455 §5.5: 125 less the code). */
export const MAX_CLOSE_REASON_BYTES = 123;

/** Skew allowed for `nbf` and `iat`, seconds. `exp` gets none. */
export const CLAIM_SKEW_SECONDS = 60;

/** Largest `exp`, seconds: the last instant an ECMAScript `Date` can hold. */
export const MAX_EXP_SECONDS = 8.64e12;

/** Least time between two fetches of a JWKS, milliseconds. */
export const JWKS_COOLDOWN_MS = 10_000;

/** Longest delay that `setTimeout` keeps, milliseconds (a 32-bit integer): a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Shortest RSA modulus, bits (RFC 7518 §3.3). */
export const MIN_RSA_BITS = 2048;

/** Newest entries of a thread that a model is shown, and that are kept in memory for it; older ones are left out. */
export const MAX_SHOWN_ENTRIES = 200;

/** Share of `LIMIT_UNSENT_BYTES` above which catching up waits for the reader. */
export const HIGH_WATER = 0.25;

/** Timeout of one start-up phase, milliseconds. */
export const PHASE_TIMEOUT_MS = 10_000;

/** Time from a phase's first error in which its further tries must begin, milliseconds. */
export const PHASE_RETRY_WINDOW_MS = 5_000;

/** Waits before the tries that follow errors, milliseconds: they add up to less than that window. */
export const PHASE_RETRY_DELAYS_MS = [500, 1_000, 2_000] as const;

/** First and longest wait between two start-up attempts, milliseconds. */
export const RESTART_BACKOFF_MS = { first: 1_000, longest: 30_000 } as const;

/** How long the gate waits for an optional phase once all critical ones are done, milliseconds. */
export const OPTIONAL_PHASE_GRACE_MS = 1_000;

/** Waiters released between two macrotasks, so that opening never starves the loop. */
export const RELEASE_BATCH = 32;

/** A store operation's own deadline, milliseconds: over KV Connect reads retry for ever. */
export const STORE_DEADLINE_MS = 5_000;

/** The whole drain, milliseconds. Deno Deploy kills 5 s after SIGINT. */
export const DRAIN_DEADLINE_MS = 4_300;
