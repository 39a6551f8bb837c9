/**
 * What can go wrong at a model endpoint, in words that hold no secret, no
 * address and no text of a conversation: the SDK's own errors hold all three.
 *
 * @module
 */
import { AISDKError, APICallError, InvalidResponseDataError } from "@ai-sdk/provider";
import { AppError } from "../errors.ts";

/** The endpoint could not be reached: nothing of an answer has come. */
export class EndpointRefusal extends Error {
  /** The class's name. */
  override readonly name = "EndpointRefusal";
}

/** The endpoint's answer is not one: too long a line, or an end without a finish reason. */
export class BrokenAnswer extends Error {
  /** The class's name. */
  override readonly name = "BrokenAnswer";
}

/** The public face of any fault of a model call; its `cause` says in safe words what happened. */
export function toModelFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("MODEL_UNAVAILABLE", {
    cause: new Error(describe(error)),
    retryAfterMs: askedDelayMs(error),
  });
}

/** Whether the same call may succeed at once: a refused connection, 429 and 5xx. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof EndpointRefusal) return true;
  if (!APICallError.isInstance(error)) return false;
  const status = error.statusCode;
  return status === undefined ? error.isRetryable : status === 429 || status >= 500;
}

/** The wait that the endpoint asked for, milliseconds (`Retry-After`, RFC 9110 §10.2.3). */
export function askedDelayMs(error: unknown): number | undefined {
  if (!APICallError.isInstance(error)) return undefined;
  const headers = error.responseHeaders ?? {};
  const precise = Number.parseFloat(headers["retry-after-ms"] ?? "");
  if (precise >= 0) return precise;
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** A network error's message without the address in it. */
export function withoutAddress(message: string): string {
  return message.replace(/\(?\bhttps?:\/\/[^\s)]*\)?/g, "(address)");
}

function describe(error: unknown): string {
  if (error instanceof EndpointRefusal || error instanceof BrokenAnswer) return error.message;
  if (APICallError.isInstance(error)) return describeCall(error);
  // The SDK's provider says so where the stream ended early; with data, its message would quote it.
  if (InvalidResponseDataError.isInstance(error) && error.data === undefined) {
    return `The model's answer was cut: ${error.message}`;
  }
  const kind = AISDKError.isInstance(error) || error instanceof Error ? error.name : typeof error;
  return `The model endpoint sent what is no answer (${kind})`;
}

function describeCall(error: APICallError): string {
  const status = error.statusCode;
  if (status === undefined) return "The model endpoint cannot be reached";
  if (status >= 400) return `The model endpoint answered ${status}${errorCode(error.data)}`;
  const cause = error.cause;
  const why = cause instanceof BrokenAnswer || cause instanceof TypeError
    ? `: ${withoutAddress(cause.message)}`
    : "";
  return `The model endpoint's answer broke off${why}`;
}

/** The endpoint's own short error code, such as `invalid_api_key`; its message may quote a key. */
function errorCode(data: unknown): string {
  const parsed = data as { error?: { code?: unknown } } | null | undefined;
  const code = parsed?.error?.code;
  return typeof code === "string" && /^[a-z_]{1,40}$/.test(code) ? ` (${code})` : "";
}
