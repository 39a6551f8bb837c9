/**
 * The port to a language model: what the supervisor knows of one.
 *
 * @module
 */
import type { UIMessageChunk } from "ai";

/** One of the AI SDK's UI message stream parts, as it is sent to clients. */
export type Chunk = UIMessageChunk;

/** One earlier message of the conversation, oldest first. */
export interface ModelTurn {
  readonly role: "user" | "assistant";
  /** Its text parts, joined. */
  readonly text: string;
}

/** What a tool may know of the run that calls it. */
export interface ToolContext {
  /** The subject whose data the tool may read, and nobody else's. */
  readonly subject: string;
  readonly threadId: string;
  /** `seq` of the message that is answered: what is said there and later is not "before". */
  readonly replyToSeq: number;
  /** Aborts when the run is cancelled, drained or timed out. */
  readonly signal: AbortSignal;
}

/**
 * One tool that an agent offers to its model.
 *
 * @typeParam Input What `inputSchema` accepts.
 */
export interface AgentTool<Input = unknown> {
  /** Said to the model: when to use it and what it returns. */
  readonly description: string;
  /** A zod schema; the input is validated before `execute`. */
  readonly inputSchema: import("zod").ZodType<Input>;
  /** Returns JSON for the model. What it throws becomes a tool error, its message unseen by clients. */
  execute(input: Input, context: ToolContext): Promise<unknown>;
}

/** A named agent: its instructions and what it can do. */
export interface Agent {
  readonly name: string;
  readonly instructions: string;
  // deno-lint-ignore no-explicit-any
  readonly tools: Readonly<Record<string, AgentTool<any>>>;
  /** Model calls in one run at most: each round of tool calls takes one. */
  readonly maxSteps: number;
}

/** One answer to be streamed. */
export interface AnswerRequest {
  readonly agent: Agent;
  /** The conversation, oldest first; the last turn is the user's. */
  readonly turns: readonly ModelTurn[];
  readonly context: ToolContext;
  /** The assistant entry's id, for the `start` part's `messageId`. */
  readonly messageId: string;
  /** For the `start` part's `messageMetadata.runId`. */
  readonly runId: string;
}

/** A model that answers with a stream of UI message parts. */
export interface AnswerModel {
  /** What it is, for logs and health: `offline` or the model's name. */
  readonly name: string;
  /** True while its circuit breaker is open or its last call failed. */
  readonly degraded: boolean;
  /**
   * Streams one answer, from `start` to `finish`. The stream never yields an
   * `error` or `abort` part: a fault is thrown. Leaving the loop early, or the
   * context's signal, cancels the model call.
   *
   * @throws {AppError} `MODEL_UNAVAILABLE` where the endpoint refuses, answers garbage, or is cut before its finish reason.
   * @throws {AppError} `MODEL_TIMEOUT` where no part came for `LIMIT_MODEL_SILENCE_MS`.
   */
  stream(request: AnswerRequest): AsyncIterable<Chunk>;
}
