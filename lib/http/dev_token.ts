/**
 * The answer of `POST /auth/dev-token`, as a schema.
 *
 * @module
 */
import { z } from "zod";
import { expirySchema } from "../chat/entries.ts";

/** A token for development. */
export const devTokenSchema = z.object({
  token: z.string().describe("A compact JWS."),
  expiresAt: expirySchema.describe("Its `exp`."),
});

/** See {@linkcode devTokenSchema}. */
export type DevToken = z.infer<typeof devTokenSchema>;
