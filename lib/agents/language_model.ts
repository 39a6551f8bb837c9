/**
 * The AI SDK's language model specification, in the version that this project
 * speaks: the one place to change when there is a next one.
 *
 * @module
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";

/** A model that any of the SDK's providers makes. */
export type LanguageModel = LanguageModelV4;

/** What one call of it is given: prompt, tools, signal. */
export type CallOptions = LanguageModelV4CallOptions;

/** Why it ended its answer. */
export type FinishReason = LanguageModelV4FinishReason;

/** An answer in one piece. */
export type GenerateResult = LanguageModelV4GenerateResult;

/** An answer that streams. */
export type StreamResult = LanguageModelV4StreamResult;

/** One part of it. */
export type StreamPart = LanguageModelV4StreamPart;

/** What a tool returned, as its caller's next prompt holds it. */
export type ToolResultPart = LanguageModelV4ToolResultPart;
