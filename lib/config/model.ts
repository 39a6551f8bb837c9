/**
 * Which model answers: an OpenAI-compatible endpoint, or the built-in offline one.
 *
 * @module
 */
import type { EnvironmentReader } from "./reader.ts";

/** A remote endpoint, or nothing at all: then the offline model answers. */
export type ModelConfig =
  | { readonly baseUrl: string; readonly name: string; readonly apiKey?: string }
  | { readonly baseUrl?: undefined; readonly name?: undefined; readonly apiKey?: undefined };

/** Where an OpenAI key belongs when no other endpoint is named. */
const OPENAI_URL = "https://api.openai.com/v1";

/** What the reader of the model needs besides the environment. */
export interface ModelReadOptions {
  /** Development and test: a key that lies around in the shell is no reason to stop. */
  readonly lenient: boolean;
  /** Takes what the operator should know, one sentence each. */
  readonly warn: (warning: string) => void;
}

/** Reads all of `OPENAI_*`. */
export function readModel(reader: EnvironmentReader, options: ModelReadOptions): ModelConfig {
  const baseUrl = reader.httpUrl("OPENAI_BASE_URL");
  const apiKey = reader.visible("OPENAI_API_KEY");
  const name = reader.text("OPENAI_MODEL");
  const hasUrl = reader.has("OPENAI_BASE_URL");
  const hasKey = reader.has("OPENAI_API_KEY");
  if (name !== undefined && !hasUrl && !hasKey) {
    reader.fault("OPENAI_MODEL", "must be set only beside OPENAI_BASE_URL or OPENAI_API_KEY");
    return {};
  }
  if (name === undefined && hasUrl) {
    reader.fault("OPENAI_MODEL", "must be set beside OPENAI_BASE_URL");
    return {};
  }
  if (name === undefined && hasKey) {
    if (options.lenient) {
      options.warn("OPENAI_MODEL is not set: OPENAI_API_KEY is unused, the offline model answers");
    } else {
      reader.fault("OPENAI_MODEL", "must be set beside OPENAI_API_KEY");
    }
    return {};
  }
  if (name === undefined) return {};
  return { baseUrl: baseUrl ?? OPENAI_URL, name, ...(apiKey === undefined ? {} : { apiKey }) };
}
