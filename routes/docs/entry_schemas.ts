/**
 * The schemas that both documents refer to by name, with a sentence on each field.
 *
 * @module
 */
import { z } from "zod";
import { ENTRY_NOTES } from "../../lib/chat/notes/server_frames.ts";
import {
  assistantEntrySchema,
  entrySchema,
  messagePartSchema,
  runStartedEntrySchema,
  serverFrameSchemas,
  userEntrySchema,
} from "../../lib/chat/protocol.ts";
import { annotate, type JsonSchema, type JsonSchemaOptions, jsonSchemasOf } from "./json_schema.ts";

/** What is referred to by name wherever it occurs. */
export const SHARED_SCHEMAS = {
  Entry: entrySchema,
  MessagePart: messagePartSchema,
  UiMessageChunk: serverFrameSchemas.chunk.shape.chunk,
} as const;

/** {@linkcode SHARED_SCHEMAS} and the kinds of entries, for `components/schemas`. */
export function sharedJsonSchemas(
  target: JsonSchemaOptions["target"],
): Record<string, JsonSchema> {
  const UserEntry = annotate(userEntrySchema, ENTRY_NOTES.user);
  const RunStartedEntry = annotate(runStartedEntrySchema, ENTRY_NOTES["run.started"]);
  const AssistantEntry = annotate(assistantEntrySchema, ENTRY_NOTES.assistant);
  const Entry = z.union([UserEntry, RunStartedEntry, AssistantEntry])
    .describe("One entry of a thread's log.");
  const { MessagePart, UiMessageChunk } = SHARED_SCHEMAS;
  const named = { Entry, UserEntry, RunStartedEntry, AssistantEntry, MessagePart, UiMessageChunk };
  const written = jsonSchemasOf(named, { io: "output", target });
  written.MessagePart["description"] =
    "A part of the AI SDK's `UIMessage` (npm `ai`, version 7). Parts of types that a client does " +
    "not know are to be passed over.";
  written.UiMessageChunk["description"] =
    "A part of the AI SDK's UI message stream (`UIMessageChunk` of npm `ai`, version 7). Parts of " +
    "types that a client does not know are to be passed over.";
  return written;
}
