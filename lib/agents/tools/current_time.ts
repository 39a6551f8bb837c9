/**
 * The tool that knows what time it is.
 *
 * @module
 */
import { z } from "zod";
import type { AgentTool } from "../model.ts";
import { ToolError } from "./tool_error.ts";

/** What the tool is asked. */
export interface CurrentTimeInput {
  /** IANA time zone; UTC without one. */
  readonly zone?: string | undefined;
}

const inputSchema = z.object({
  zone: z.string().max(64).optional()
    .describe("IANA time zone, such as Europe/Berlin; UTC if left out"),
});

/** A moment as a clock in `zone` shows it. */
export interface ZonedTime {
  /** The zone's canonical name. */
  readonly zone: string;
  /** ISO 8601, with the zone's offset, to the second: `2026-03-01T14:05:09+01:00`. */
  readonly time: string;
  /** English name of the day. */
  readonly weekday: string;
}

/** Tells the time in a named IANA time zone. */
export const currentTime: AgentTool<CurrentTimeInput> = {
  description: "Tells the current date and time in a time zone.",
  inputSchema,
  execute: ({ zone }) => Promise.resolve(zonedTime(new Date(), zone)),
};

/**
 * `moment` in `zone`.
 *
 * @throws {ToolError} where no time zone has that name.
 */
export function zonedTime(moment: Date, zone = "UTC"): ZonedTime {
  const format = formatFor(zone);
  const parts = Object.fromEntries(
    format.formatToParts(moment).map(({ type, value }) => [type, value]),
  );
  const date = `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
  const clock = `${parts["hour"]}:${parts["minute"]}:${parts["second"]}`;
  // `GMT+01:00`, and bare `GMT` for UTC itself.
  const offset = (parts["timeZoneName"] ?? "").replace("GMT", "") || "+00:00";
  return {
    zone: format.resolvedOptions().timeZone,
    time: `${date}T${clock}${offset}`,
    weekday: parts["weekday"] ?? "",
  };
}

function formatFor(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      weekday: "long",
      timeZoneName: "longOffset",
    });
  } catch (error) {
    throw new ToolError(
      `There is no time zone ${JSON.stringify(zone)}. Use an IANA name, such as Europe/Berlin.`,
      { cause: error },
    );
  }
}
