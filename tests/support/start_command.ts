/**
 * What `deno task start` gives the runtime besides permissions.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** The flag that passes V8's own. */
export const V8_FLAGS: string = config.tasks.start.command.split(" ").find((word) =>
  word.startsWith("--v8-flags=")
)!;
