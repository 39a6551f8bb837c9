/**
 * The port to tracing: what rules know of spans. Until a backend attaches, and
 * for good where telemetry is off, nothing happens here and costs nothing.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** What a span says of its work: never a subject, a thread, a text or a token. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A place in a trace, kept for work that begins later. Only its backend knows what it holds. */
export interface TracePlace {
  readonly place: unknown;
}

/** How a span begins. */
export interface SpanOptions {
  readonly attributes?: SpanAttributes;
  /** `client` for a call to another process. */
  readonly kind?: "internal" | "client";
  /** What it is a part of: where left out, of what runs now; where null, of nothing, and linked to that. */
  readonly parent?: TracePlace | null;
}

/** One piece of work, timed from its begin to its end. None of it throws, but for `work`. */
export interface Span {
  /** Does `work` as part of the span: spans that begin in it, or in what it starts, are below this one. */
  within<T>(work: () => T): T;
  /** Says more of the work. */
  set(attributes: SpanAttributes): void;
  /** Something happened in the work. */
  event(name: string, attributes?: SpanAttributes): void;
  /** The work failed: `code` is an error code or a class of error, never its message. */
  fail(code: string): void;
  /** The work is over. Ending again changes nothing. */
  end(): void;
}

/** What begins spans. */
export interface Tracer {
  /** Begins a span, which the caller ends. */
  begin(name: string, options?: SpanOptions): Span;
  /** Does `work` within a span, which fails and ends as the work does. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** What runs now, for a span that begins later; null where nothing is traced. */
  here(): TracePlace | null;
}

/** Names what runs now, in logs. */
export interface TraceIds {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** A tracing library. */
export interface TracingBackend {
  /** Begins a span. */
  begin(name: string, options: SpanOptions): Span;
  /** What runs now. */
  here(): TracePlace;
  /** Names what runs now; null where no span is active. */
  ids(): TraceIds | null;
  /** Says more of the span that is active, and names it anew. */
  describe(attributes: SpanAttributes, name?: string): void;
}

/** The span of work that nobody traces. */
export const NO_SPAN: Span = {
  within: (work) => work(),
  set: () => {},
  event: () => {},
  fail: () => {},
  end: () => {},
};

/** Traces nothing. */
export const NO_TRACER: Tracer = {
  begin: () => NO_SPAN,
  span: (_name, _options, work) => work(NO_SPAN),
  here: () => null,
};

/** Where the code traces. One instance a process. */
export class Tracing implements Tracer {
  #backend: TracingBackend | null = null;

  /** Traces through `backend` from now on. */
  attach(backend: TracingBackend): void {
    this.#backend = backend;
  }

  /** Whether anything is traced. */
  get isOn(): boolean {
    return this.#backend !== null;
  }

  /** Begins a span, which the caller ends. */
  begin(name: string, options: SpanOptions = {}): Span {
    return this.#backend?.begin(name, options) ?? NO_SPAN;
  }

  /** Does `work` within a span, which fails and ends as the work does. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    const span = this.begin(name, options);
    return span === NO_SPAN ? work(span) : settled(span, work);
  }

  /** What runs now, for a span that begins later; null where nothing is traced. */
  here(): TracePlace | null {
    return this.#backend?.here() ?? null;
  }

  /** Names what runs now; null where no span is active. */
  ids(): TraceIds | null {
    return this.#backend?.ids() ?? null;
  }

  /** Says more of the span that is active, such as the platform's own of a request. */
  describe(attributes: SpanAttributes, name?: string): void {
    this.#backend?.describe(attributes, name);
  }
}

/** What a span says of a thrown value: a code or a class, never a message. */
export function faultCode(error: unknown): string {
  if (error instanceof AppError) return error.code;
  const name = error instanceof Error ? error.name : typeof error;
  return /^\w{1,60}$/.test(name) ? name : "Error";
}

async function settled<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await span.within(() => work(span));
  } catch (error) {
    span.fail(faultCode(error));
    throw error;
  } finally {
    span.end();
  }
}
