/**
 * A tracing backend that keeps what was traced, for tests without a collector. It follows
 * promises as the runtime's own does.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Span,
  type SpanAttributes,
  Tracing,
  type TracingBackend,
} from "../../lib/observe/tracing.ts";

/** One span as it was told. */
export interface RecordedSpan {
  readonly name: string;
  readonly parent: RecordedSpan | null;
  /** What it is linked to. */
  readonly link: RecordedSpan | null;
  readonly attributes: Record<string, string | number | boolean>;
  readonly events: { readonly name: string; readonly attributes: SpanAttributes }[];
  /** The code with which it failed. */
  error: string | null;
  /** How often it was ended. */
  ended: number;
}

/** Keeps spans in the order of their begin. */
export class RecordedTraces {
  readonly spans: RecordedSpan[] = [];
  /** What traces into it. */
  readonly tracing = new Tracing();
  readonly #active = new AsyncLocalStorage<RecordedSpan | null>();

  /** Records from now on. */
  constructor() {
    const active = this.#active;
    const backend: TracingBackend = {
      begin: (name, { attributes = {}, parent }) => {
        const here = active.getStore() ?? null;
        const span: RecordedSpan = {
          name,
          parent: parent === undefined ? here : parent && parent.place as RecordedSpan | null,
          link: parent === null ? here : null,
          attributes: { ...attributes },
          events: [],
          error: null,
          ended: 0,
        };
        this.spans.push(span);
        return this.#spanOf(span);
      },
      here: () => ({ place: active.getStore() ?? null }),
      ids: () => null,
      describe: (attributes) => void Object.assign(active.getStore()?.attributes ?? {}, attributes),
    };
    this.tracing.attach(backend);
  }

  /** The one span of that name. Throws where there is none, or more. */
  named(name: string): RecordedSpan {
    const [span, ...others] = this.spans.filter((span) => span.name === name);
    if (span === undefined || others.length > 0) {
      throw new Error(`Not one span ${name}: ${this.tree().join(" | ")}`);
    }
    return span;
  }

  /** All spans, each below and further in than what it is a part of. */
  tree(parent: RecordedSpan | null = null, indent = ""): string[] {
    return this.spans.filter((span) => span.parent === parent)
      .flatMap((span) => [`${indent}${span.name}`, ...this.tree(span, `${indent}  `)]);
  }

  #spanOf(span: RecordedSpan): Span {
    return {
      within: (work) => this.#active.run(span, work),
      set: (attributes) => void Object.assign(span.attributes, attributes),
      event: (name, attributes = {}) => void span.events.push({ name, attributes }),
      fail: (code) => void (span.error = code),
      end: () => void span.ended++,
    };
  }
}
