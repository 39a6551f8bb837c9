/**
 * Tells whether anybody listens to telemetry, without loading anything for it.
 *
 * @module
 */

/** Where every provider registers itself, and the API finds it. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** Whether the runtime, or an SDK that was loaded first, has registered with the OpenTelemetry API. */
export function isTelemetryOn(): boolean {
  return Reflect.get(globalThis, REGISTRY) !== undefined;
}
