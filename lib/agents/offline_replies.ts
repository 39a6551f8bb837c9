/**
 * What the offline model says to what it hears.
 *
 * @module
 */
import type { CallOptions } from "./language_model.ts";
import { wordToolResult } from "./offline_tool_results.ts";

/** One call of a tool, its input as JSON text. */
export interface OfflineToolCall {
  /** Unique within the answer. */
  readonly toolCallId: string;
  /** One of the tools that the call offers. */
  readonly toolName: string;
  /** An object, as JSON. */
  readonly input: string;
}

/** Words with their spaces, or a tool to ask first. */
export type OfflineReply =
  | { readonly kind: "words"; readonly words: readonly string[]; readonly paceMs?: number }
  | { readonly kind: "tool"; readonly call: OfflineToolCall };

/** Most numbers that `/count` counts. */
const MAX_COUNT = 10_000;

/** Longest wait before a number of `/count`, milliseconds. */
const MAX_COUNT_PACE_MS = 5_000;

/** Wait before a number of `/count` that names none, milliseconds. */
export const DEFAULT_COUNT_PACE_MS = 100;

/** Longer texts are repeated several words at a time, so that none takes long. */
const MAX_ECHO_PIECES = 200;

const INTRODUCTION =
  "I am the offline model: no language model is configured, so I repeat what you say. Try `/help`.";

const HELP = `${INTRODUCTION}

- \`/time [zone]\` asks a tool for the time, such as \`/time Europe/Berlin\`
- \`/search words\` asks a tool for your earlier messages with these words
- \`/count N [delayMs]\` counts to N, at most ${MAX_COUNT}, a number each delayMs
- \`/help\` says this

To talk to a language model, set \`OPENAI_BASE_URL\`, \`OPENAI_MODEL\` and, where it wants one, \`OPENAI_API_KEY\`.`;

/** The reply to the last message of `options.prompt`. */
export function offlineReply(
  { prompt, tools = [] }: Pick<CallOptions, "prompt" | "tools">,
): OfflineReply {
  const last = prompt.at(-1);
  if (last?.role === "tool") {
    const results = last.content.filter((part) => part.type === "tool-result");
    return say(results.map(wordToolResult).join("\n\n"));
  }
  const heard = last?.role === "user"
    ? last.content.map((part) => part.type === "text" ? part.text : "").join("")
    : "";
  const [, command, rest = ""] = /^\/(\w+)(?:\s+([^]*))?$/.exec(heard.trim()) ?? [];
  switch (command) {
    case "help":
      return say(HELP);
    case "count":
      return count(rest);
    case "time":
      return ask("currentTime", rest === "" ? {} : { zone: rest.slice(0, 64) }, { prompt, tools });
    case "search":
      return rest === ""
        ? say("Say what to look for: `/search words`.")
        : ask("searchThreads", { words: rest.slice(0, 200) }, { prompt, tools });
    default:
      return echo(heard, prompt);
  }
}

function say(text: string): OfflineReply {
  return { kind: "words", words: splitWords(text) };
}

/** Text as words, each with the space that follows it: joined they are the text again. */
function splitWords(text: string): string[] {
  return text.match(/\s*\S+\s*|\s+/g) ?? [];
}

function echo(heard: string, prompt: CallOptions["prompt"]): OfflineReply {
  const isFirstTurn = !prompt.some(({ role }) => role === "assistant");
  const words = splitWords(heard);
  const size = Math.ceil(words.length / MAX_ECHO_PIECES);
  const pieces = Array.from(
    { length: size === 0 ? 0 : Math.ceil(words.length / size) },
    (_, index) => words.slice(index * size, (index + 1) * size).join(""),
  );
  return {
    kind: "words",
    words: isFirstTurn ? [...splitWords(`${INTRODUCTION}\n\n`), ...pieces] : pieces,
  };
}

function count(rest: string): OfflineReply {
  const [, to = "", pace] = /^(\d+)(?:\s+(\d+))?$/.exec(rest.trim()) ?? [];
  const last = Math.min(Number(to), MAX_COUNT);
  if (last === 0) return say(`Say how far: \`/count N [delayMs]\`, N from 1 to ${MAX_COUNT}.`);
  return {
    kind: "words",
    words: Array.from({ length: last }, (_, index) => index === 0 ? "1" : ` ${index + 1}`),
    paceMs: pace === undefined ? DEFAULT_COUNT_PACE_MS : Math.min(Number(pace), MAX_COUNT_PACE_MS),
  };
}

function ask(
  toolName: string,
  input: Readonly<Record<string, string>>,
  { prompt, tools }: Required<Pick<CallOptions, "prompt" | "tools">>,
): OfflineReply {
  if (!tools.some(({ name }) => name === toolName)) {
    return say(`This agent has no tool \`${toolName}\`.`);
  }
  // The place in the conversation makes the id unique within it, and the same each time.
  const call = { toolCallId: `call-${prompt.length}`, toolName, input: JSON.stringify(input) };
  return { kind: "tool", call };
}
