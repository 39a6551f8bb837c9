/**
 * What a tool may tell its model about a failure.
 *
 * @module
 */

/** A tool's failure in words for the model, which may repeat them: nothing internal belongs in them. */
export class ToolError extends Error {
  /** The class's name. */
  override readonly name = "ToolError";

  /** The message alone: this is what the AI SDK hands to the model. */
  override toString(): string {
    return this.message;
  }
}
