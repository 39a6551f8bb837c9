/**
 * Every environment variable, described once: what it does, what it may be and
 * what it is when unset. The reader's faults and the README's table say these words.
 *
 * @module
 */
import { LIMIT_DEFINITIONS, type Limits } from "../limits.ts";

/** One environment variable as an operator needs to know it. */
export interface VariableDefinition {
  /** What it is for. */
  readonly meaning: string;
  /** What it may be; completes the sentence "must be …". */
  readonly allowed: string;
  /** What it is when unset or empty, in words or in Markdown code. */
  readonly fallback: string;
}

/** The variables other than `LIMIT_*`, in the order of the documentation. */
export const VARIABLES = {
  APP_ENV: {
    meaning: "the environment: it chooses defaults and conveniences, never the rules of the gate",
    allowed: "one of development, test, staging, production",
    fallback: "`production`",
  },
  HOST: {
    meaning: "the address to listen on",
    allowed: "a host name or an IP address, without scheme or port",
    fallback: "`127.0.0.1` in development and test, else `0.0.0.0`",
  },
  PORT: {
    meaning: "the port to listen on; 0 takes a free one",
    allowed: "an integer from 0 to 65535",
    fallback: "`8000`",
  },
  KV_PATH: {
    meaning: "the database of Deno KV",
    allowed: "a file, `:memory:`, or an http(s):// address of KV Connect",
    fallback: "the runtime's own: SQLite locally, the linked database on Deno Deploy",
  },
  DENO_KV_ACCESS_TOKEN: {
    meaning: "the access token for a KV Connect address; the runtime reads it by itself",
    allowed: "set where KV_PATH is an http(s):// address",
    fallback: "none",
  },
  JWT_SECRET: {
    meaning: "the secret that signs and verifies tokens (HMAC)",
    allowed: "at least 32 bytes of UTF-8",
    fallback: "random for the process in development and test, else required unless " +
      "`JWT_JWKS_URL` or `JWT_PUBLIC_KEY` is set",
  },
  JWT_SECRET_PREVIOUS: {
    meaning: "the secret before a rotation: it verifies, it never signs",
    allowed: "at least 32 bytes of UTF-8, and only beside JWT_SECRET",
    fallback: "none",
  },
  JWT_JWKS_URL: {
    meaning: "where the issuer publishes its keys (RFC 7517)",
    allowed: "an http(s):// address",
    fallback: "none",
  },
  JWT_PUBLIC_KEY: {
    meaning: "the issuer's public key; line breaks may be written as `\\n`",
    allowed: "an SPKI public key in PEM: RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519",
    fallback: "none",
  },
  JWT_ALGORITHMS: {
    meaning: "the allow-list of token algorithms, comma-separated",
    allowed: "names of HS256, HS384, HS512 with a secret, or of RS256, RS384, RS512, PS256, " +
      "PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519 with a public key or JWKS",
    fallback: "`HS256` with a secret, else `RS256,ES256,EdDSA`",
  },
  JWT_ISSUER: {
    meaning: "the `iss` that a token must have, exactly",
    allowed: "set in staging and production",
    fallback: "not checked in development and test, else required",
  },
  JWT_AUDIENCE: {
    meaning: "the `aud` that a token must have, exactly",
    allowed: "set in staging and production",
    fallback: "not checked in development and test, else required",
  },
  ALLOWED_ORIGINS: {
    meaning: "origins that may connect besides the same origin, comma-separated; development " +
      "also allows any port of localhost",
    allowed: "exact origins such as https://app.example.com, without `*` and without a path",
    fallback: "none",
  },
  STARTUP_WAIT_MS: {
    meaning: "how long one connection waits at the gate, milliseconds",
    allowed: "a positive integer",
    fallback: "`30000` in staging and production, `10000` in development, `2000` in test",
  },
  STARTUP_TIMEOUT_MS: {
    meaning: "the budget of one start-up attempt, milliseconds",
    allowed: "a positive integer, not below STARTUP_WAIT_MS",
    fallback: "`60000`, or twice `STARTUP_WAIT_MS` if that is more",
  },
  OPENAI_BASE_URL: {
    meaning: "an OpenAI-compatible endpoint",
    allowed: "an http(s):// address, with OPENAI_MODEL beside it",
    fallback: "`https://api.openai.com/v1` where the key and the model are set, else the " +
      "built-in offline model answers",
  },
  OPENAI_API_KEY: {
    meaning: "the key for that endpoint",
    allowed: "visible ASCII without spaces, with OPENAI_MODEL beside it",
    fallback: "none",
  },
  OPENAI_MODEL: {
    meaning: "the model's name at that endpoint",
    allowed: "set beside OPENAI_BASE_URL or OPENAI_API_KEY",
    fallback: "none",
  },
  AGENT_INSTRUCTIONS: {
    meaning: "the default agent's system prompt",
    allowed: "any text",
    fallback: "a short, general one",
  },
  METRICS_TOKEN: {
    meaning: "the bearer token for `/metrics`",
    allowed: "visible ASCII without spaces",
    fallback: "`/metrics` is open in development and test, else it answers 404",
  },
  PAGE_TOKEN_URL: {
    meaning: "where the chat page asks for a token, see The chat page",
    allowed: "a path such as /session/token, or an https:// address without credentials",
    fallback: "the page asks for a name where `/auth/dev-token` exists, else the embedding site",
  },
} as const satisfies Record<string, VariableDefinition>;

/** A variable other than `LIMIT_*`. */
export type VariableName = keyof typeof VARIABLES;

const LIMIT_MEANINGS: Readonly<Record<keyof Limits, string>> = {
  frameBytes: "one WebSocket frame, bytes",
  messageBytes: "one message's text, bytes of UTF-8",
  answerBytes: "one answer, bytes of UTF-8",
  framesPerSecond: "frames a second on one socket, sustained",
  framesBurst: "frames at once on one socket",
  badFrames: "bad frames in a row before a socket is closed",
  socketsPerSubject: "open sockets of one subject on an instance",
  waitingPerSubject: "callers of one subject in the waiting room",
  waiting: "callers in the waiting room",
  unsentBytes: "bytes queued for one socket whose reader is slow",
  runs: "running runs on an instance",
  runsPerSubject: "running runs of one subject on an instance",
  modelSilenceMs: "silence of the model, milliseconds",
  memoryBytes: "resident memory of the process, bytes",
};

/** Every variable with its description, `LIMIT_*` last: the rows of the README's table. */
export function describeVariables(): ({ readonly name: string } & VariableDefinition)[] {
  const limits = Object.entries(LIMIT_DEFINITIONS).map(([key, definition]) => ({
    name: definition.variable,
    meaning: LIMIT_MEANINGS[key as keyof Limits],
    allowed: "a positive integer",
    fallback: `\`${definition.default}\``,
  }));
  return [
    ...Object.entries(VARIABLES).map(([name, definition]) => ({ name, ...definition })),
    ...limits,
  ];
}
