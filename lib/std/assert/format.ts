/**
 * Values and their differences as text.
 *
 * @module
 */

/** Longest grid that {@linkcode difference} compares, in cells; beyond it the two texts follow each other. */
const MAX_CELLS = 4_000_000;

/** A value in full, one property a line, keys sorted, so that equal values read equally. */
export function format(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
    getters: true,
  });
}

/** The lines of two texts, the longest common ones kept, the others marked `-` (actual) and `+` (expected). */
export function difference(actual: string, expected: string): string {
  const left = actual.split("\n");
  const right = expected.split("\n");
  if (left.length * right.length > MAX_CELLS) {
    return [...left.map((line) => `-   ${line}`), ...right.map((line) => `+   ${line}`)].join("\n");
  }
  const common = commonLengths(left, right);
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      lines.push(`    ${left[i]}`);
      i++;
      j++;
    } else if (j >= right.length || (i < left.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`-   ${left[i++]}`);
    } else {
      lines.push(`+   ${right[j++]}`);
    }
  }
  return lines.join("\n");
}

/** For each pair of positions, how many lines the rests of the two have in common, in order. */
function commonLengths(left: readonly string[], right: readonly string[]): Uint32Array[] {
  let below = new Uint32Array(right.length + 1);
  const rows = [below];
  for (let i = left.length - 1; i >= 0; i--) {
    const row = new Uint32Array(right.length + 1);
    for (let j = right.length - 1; j >= 0; j--) {
      row[j] = left[i] === right[j]
        ? 1 + (below[j + 1] ?? 0)
        : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
    rows.unshift(row);
    below = row;
  }
  return rows;
}
