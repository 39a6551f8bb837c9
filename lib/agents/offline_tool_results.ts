/**
 * How the offline model words what a tool returned.
 *
 * @module
 */
import type { ToolResultPart } from "./language_model.ts";
import { z } from "zod";

const timeSchema = z.object({ zone: z.string(), time: z.string(), weekday: z.string() });

const hitsSchema = z.object({
  hits: z.array(z.object({
    title: z.string().nullable(),
    excerpt: z.string(),
    createdAt: z.string(),
  })),
});

/** One tool result in words. One of an unknown shape is shown as its JSON. */
export function wordToolResult({ output }: ToolResultPart): string {
  switch (output.type) {
    case "json":
      return wordJson(output.value);
    case "text":
      return output.value;
    case "error-text":
      return `That did not work. ${output.value}`;
    case "error-json":
      return `That did not work. ${JSON.stringify(output.value)}`;
    case "execution-denied":
      return "That was not allowed.";
    case "content":
      return output.value.map((part) => part.type === "text" ? part.text : "").join("");
    default:
      return output satisfies never;
  }
}

function wordJson(value: unknown): string {
  const time = timeSchema.safeParse(value);
  if (time.success) return `It is ${time.data.weekday}, ${time.data.time} (${time.data.zone}).`;
  const found = hitsSchema.safeParse(value);
  if (!found.success) return JSON.stringify(value);
  const { hits } = found.data;
  if (hits.length === 0) return "I found nothing with these words.";
  const lines = hits.map(({ title, excerpt, createdAt }) =>
    `- ${createdAt} ${inline(title ?? "Untitled")}: ${inline(excerpt)}`
  );
  return [hits.length === 1 ? "I found one message:" : `I found ${hits.length} messages:`, ...lines]
    .join("\n");
}

/** Text that stays on its line of a list, whatever Markdown it was. */
function inline(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_~<>[\]#|]/g, "\\$&");
}
