/**
 * What a client does on each error code, said once: README, PROTOCOL.md, the page
 * at `/docs` and the published documents say it from here. Loaded by these alone.
 *
 * @module
 */
import type { ErrorCode } from "./errors.ts";
import { MAX_DROPPED_FRAMES } from "./limits.ts";

/** By code; "the client" is the subject of each. */
export const ERROR_NOTES: Readonly<Record<ErrorCode, string>> = {
  STARTUP_INCOMPLETE: "reconnects",
  SERVICE_UNAVAILABLE: "reconnects",
  DRAINING: "reconnects",
  ADMISSION_FULL: "retries",
  TOO_MANY_CONNECTIONS: "closes sockets it does not need, retries",
  UNAUTHENTICATED: "gets a valid token",
  TOKEN_EXPIRED: "gets a new token",
  AUTH_UNAVAILABLE: "retries: the issuer's keys cannot be had right now",
  ORIGIN_NOT_ALLOWED: "asks the operator for an entry in `ALLOWED_ORIGINS`",
  UNSUPPORTED_PROTOCOL: "offers `drawbridge.v1`",
  METHOD_NOT_ALLOWED: "see `Allow`",
  UPGRADE_REQUIRED: "speaks WebSocket, version 13",
  INVALID_FRAME: "has a bug; closed only after `LIMIT_BAD_FRAMES` in a row",
  UNKNOWN_TYPE: "as `INVALID_FRAME`",
  INVALID_REQUEST: "corrects what `message` or `detail` names",
  MESSAGE_TOO_LARGE: "sends less",
  RATE_LIMITED:
    `sends it again later: the frame was dropped; closed only after ${MAX_DROPPED_FRAMES} (\`MAX_DROPPED_FRAMES\`)`,
  NOT_FOUND: "takes it as gone",
  RUN_ACTIVE: "retries when the run has ended, or uses another `onBusy`",
  IDEMPOTENCY_CONFLICT: "uses a new message id",
  TOO_MANY_RUNS: "retries: nothing was stored",
  STORE_UNAVAILABLE: "retries with the same ids",
  MODEL_UNAVAILABLE: "regenerates later: the message is stored",
  MODEL_TIMEOUT: "regenerates later",
  ANSWER_TOO_LARGE: "asks for less; the answer so far is kept",
  INTERNAL: "reports the request id; on a socket that is `sessionId`",
};
