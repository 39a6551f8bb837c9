/**
 * Log lines for Deno Deploy, which takes logs from the console alone: it gives each
 * line the level of its method and the trace of the code that wrote it.
 *
 * @module
 */

/** Writes one line at the console's level. */
export function writeToConsole(line: string, level: string): void {
  switch (level) {
    case "error":
    case "fatal":
      return console.error(line);
    case "warning":
      return console.warn(line);
    case "debug":
    case "trace":
      return console.debug(line);
    default:
      return console.info(line);
  }
}
