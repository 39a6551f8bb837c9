/**
 * The health documents (`application/health+json`, draft-inadarei-api-health-check-06)
 * as schemas, and the types of what they tell.
 *
 * @module
 */
import { z } from "zod";
import { timeSchema } from "../chat/entries.ts";
import { BARRIER_STATES } from "../startup/states.ts";

/** How one phase of the start-up went. */
export const phaseReportSchema = z.object({
  name: z.string().describe("The phase's fixed name, such as `store`."),
  critical: z.boolean().describe("Whether the start-up fails with it."),
  status: z.enum(["pending", "running", "ok", "failed"])
    .describe(
      "How far it is in the present start-up attempt; an optional one that `failed` is tried again in the background.",
    ),
  attempts: z.int().min(0).describe("Tries in the present start-up attempt."),
  durationMs: z.number().min(0).nullable().describe(
    "Time it took so far, retries included, milliseconds; null before its first try.",
  ),
});

/** See {@linkcode phaseReportSchema}. */
export type PhaseReport = z.infer<typeof phaseReportSchema>;

/** How the start-up went so far. */
export const startupReportSchema = z.object({
  state: z.enum(BARRIER_STATES).describe("`draining` is final."),
  attempt: z.int().min(0).describe("The start-up attempt, from 1; 0 before the first."),
  durationMs: z.number().min(0)
    .describe("From process start to ready or to the drain, or to now, milliseconds."),
  phases: z.array(phaseReportSchema).readonly().describe("In the order of the bootstrap."),
});

/** See {@linkcode startupReportSchema}. */
export type StartupReport = z.infer<typeof startupReportSchema>;

/** The draft's §3.1: `warn` serves, with something lost. */
export const healthStatusSchema = z.enum(["pass", "warn", "fail"]);

/** See {@linkcode healthStatusSchema}. */
export type HealthStatus = z.infer<typeof healthStatusSchema>;

/** One entry of `checks` (the draft's §4). */
export const healthCheckSchema = z.object({
  status: healthStatusSchema.describe("`fail` only for a critical service."),
  componentType: z.literal("component").describe("One of the server's own parts."),
  observedValue: z.number().min(0).optional().describe("How long its probe took."),
  observedUnit: z.literal("ms").optional().describe("Of `observedValue`."),
  time: timeSchema.describe("When it was looked."),
  output: z.string().optional().describe("Why it failed; in development only."),
});

/** See {@linkcode healthCheckSchema}. */
export type HealthCheck = z.infer<typeof healthCheckSchema>;

/** A health document. */
export const healthDocumentSchema = z.object({
  status: healthStatusSchema.describe("The whole server's; the answer is 503 exactly on `fail`."),
  checks: z.record(z.string(), z.array(healthCheckSchema).readonly()).readonly().optional()
    .describe("By the service's name."),
  startup: startupReportSchema.optional().describe("How the start-up went."),
});

/** See {@linkcode healthDocumentSchema}. */
export type HealthDocument = z.infer<typeof healthDocumentSchema>;
