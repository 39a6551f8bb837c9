/**
 * Runs an agent's tools for the AI SDK: bounded in time, and silent about what
 * went wrong inside.
 *
 * @module
 */
import { NO_TRACER, type Tracer } from "../observe/tracing.ts";
import type { AgentTool, ToolContext } from "./model.ts";
import { ToolError } from "./tools/tool_error.ts";
import { Watchdog } from "./watchdog.ts";

/** Longest run of one tool, milliseconds. */
const TOOL_TIMEOUT_MS = 10_000;

/**
 * A tool as the SDK takes it.
 *
 * @typeParam Schema A schema as the SDK takes it.
 */
export interface RunnableTool<Schema> {
  /** Said to the model. */
  readonly description: string;
  /** The SDK validates the model's input with it. */
  readonly inputSchema: Schema;
  /** Runs the tool for the run that it is bound to. */
  readonly execute: (input: unknown) => Promise<unknown>;
}

/** What tools are bound to. */
export interface ToolBinding<Schema> {
  /** The run that calls them. */
  readonly context: ToolContext;
  /** Makes a tool's schema the SDK's. */
  readonly toSchema: (tool: AgentTool) => Schema;
  /** Each call is traced, by OpenTelemetry's names for it. */
  readonly tracer?: Tracer;
}

/** The tools of an agent, bound to one run. */
export function runnableTools<Schema>(
  tools: Readonly<Record<string, AgentTool>>,
  { context, toSchema, tracer = NO_TRACER }: ToolBinding<Schema>,
): Record<string, RunnableTool<Schema>> {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [name, {
      description: tool.description,
      inputSchema: toSchema(tool),
      execute: (input: unknown) =>
        tracer.span(`execute_tool ${name}`, {
          attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name },
        }, () => runTool(tool, input, context)),
    }]),
  );
}

/**
 * Runs one tool for `TOOL_TIMEOUT_MS` at most. Its signal aborts with the run's and with the timeout.
 *
 * @throws {ToolError} in words for the model; anything else that the tool threw is its `cause`.
 */
export async function runTool(
  tool: AgentTool,
  input: unknown,
  context: ToolContext,
): Promise<unknown> {
  const watchdog = new Watchdog({
    limitMs: TOOL_TIMEOUT_MS,
    signal: context.signal,
    onSilence: () => new ToolError("The tool did not answer in time."),
  });
  try {
    return await watchdog.wait(tool.execute(input, { ...context, signal: watchdog.signal }));
  } catch (error) {
    context.signal.throwIfAborted();
    throw error instanceof ToolError
      ? error
      : new ToolError("The tool failed.", error === undefined ? {} : { cause: error });
  } finally {
    watchdog.done();
  }
}

/** What a client reads where a tool call went wrong; the reason is the model's to tell. */
export function toolErrorText(error: unknown): string {
  return error instanceof ToolError ? "The tool failed." : "The tool call is not valid.";
}
