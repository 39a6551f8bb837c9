/**
 * The problem document (RFC 9457), as a schema: its type is what the server
 * writes, and the OpenAPI document is made of it.
 *
 * @module
 */
import { z } from "zod";
import { ERROR_CODES } from "../errors.ts";

/** Every error over HTTP. */
export const problemSchema = z.object({
  type: z.string().regex(/^urn:drawbridge:problem:[a-z-]+$/)
    .describe("The code as a URN; nothing is to be found at it."),
  title: z.string().describe("What the code means, always in the same words."),
  status: z.int().min(400).max(599).describe("The response's status."),
  detail: z.string().describe("One sentence on this case; never what was sent."),
  code: z.enum(ERROR_CODES).describe("What a program decides by."),
  retryable: z.boolean().describe("Whether the same request may succeed later, unchanged."),
  requestId: z.string().describe("As in `X-Request-Id`, and in the server's log."),
  retryAfterMs: z.number().min(0).optional()
    .describe("When to try again, milliseconds; on every 429 and 503, and where it helps."),
});

/** See {@linkcode problemSchema}. */
export type Problem = z.infer<typeof problemSchema>;
