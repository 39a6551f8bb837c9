/**
 * Reads PromQL with Prometheus' own grammar: which series a query selects, by which labels.
 *
 * @module
 */
/** One condition of a selector. */
export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** What a query selects. */
export interface Selector {
  /** The name as it is written, with a histogram's ending. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

/** A query as far as labels and metrics go. */
export interface ParsedQuery {
  readonly selectors: readonly Selector[];
  /** Labels that it groups or joins by, of all its parts. */
  readonly grouping: readonly string[];
}

/**
 * Loads what parses a query, in which Grafana's variables may stand; it throws where that is no
 * PromQL. The grammar's library reads the environment when it is imported: needs `env`.
 */
export async function loadQueryParser(): Promise<(text: string) => ParsedQuery> {
  const { parser } = await import("npm:@prometheus-io/lezer-promql@^0.315.0");
  return (text) => parseQuery(text, parser);
}

function parseQuery(
  text: string,
  parser: typeof import("npm:@prometheus-io/lezer-promql@^0.315.0").parser,
): ParsedQuery {
  const query = text.replaceAll("$__rate_interval", "5m");
  const selectors: { name: string; matchers: Matcher[] }[] = [];
  const grouping: string[] = [];
  parser.parse(query).iterate({
    enter({ name, type, from, to, node }) {
      const words = query.slice(from, to);
      if (type.isError) throw new Error(`Not PromQL at ${from}: ${query}`);
      if (name === "VectorSelector") selectors.push({ name: "", matchers: [] });
      if (name === "Identifier") selectors.at(-1)!.name = words;
      if (name === "UnquotedLabelMatcher") {
        const [, label = "", operator = "", value = ""] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/
          .exec(words) ?? [];
        selectors.at(-1)!.matchers.push({ label, operator, value });
      }
      if (name === "LabelName" && node.parent?.name === "GroupingLabels") grouping.push(words);
    },
  });
  if (selectors.length === 0) throw new Error(`It selects nothing: ${query}`);
  return { selectors, grouping };
}
