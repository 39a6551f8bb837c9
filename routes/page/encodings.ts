/**
 * How the page's files travel: compressed when they are built, sent as a client likes best.
 *
 * @module
 */

/** The encodings that each file is there in, best first. */
const ENCODINGS = ["br", "gzip"] as const;

/** One of them. */
export type Encoding = typeof ENCODINGS[number];

/** What the name of a compressed copy ends with. */
export const ENCODED_SUFFIX: Readonly<Record<Encoding, string>> = { br: ".br", gzip: ".gz" };

/** The best encoding that an `Accept-Encoding` allows (RFC 9110 §12.5.3); null for none. */
export function chooseEncoding(header: string): Encoding | null {
  const weights = new Map(
    header.toLowerCase().split(",").map((part): [string, number] => {
      const [, coding = "", weight] = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+)\s*)?$/.exec(part) ?? [];
      return [coding, weight === undefined ? 1 : Number(weight)];
    }),
  );
  const weightOf = (encoding: Encoding): number => weights.get(encoding) ?? weights.get("*") ?? 0;
  const liked = ENCODINGS.filter((encoding) => weightOf(encoding) > 0);
  return liked.toSorted((a, b) => weightOf(b) - weightOf(a))[0] ?? null;
}
