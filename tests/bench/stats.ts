/**
 * What the benches say of repeated measurements. Pure.
 *
 * @module
 */

/**
 * The middle of `values`; of an even number, the mean of the two in the middle.
 *
 * @throws {RangeError} where there are none.
 */
export function median(values: readonly number[]): number {
  const sorted = sort(values);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle - 0.5)]! + sorted[Math.floor(middle)]!) / 2;
}

/**
 * The smallest of `values` that `percent` of them do not exceed (nearest rank).
 *
 * @throws {RangeError} where there are none, or `percent` is not above 0 and at most 100.
 */
export function percentile(values: readonly number[], percent: number): number {
  if (!(percent > 0 && percent <= 100)) throw new RangeError(`${percent} is no percentile`);
  const sorted = sort(values);
  return sorted[Math.ceil(sorted.length * percent / 100) - 1]!;
}

/**
 * How many times `reference` the `values` are: the median of what each repetition says by itself,
 * so that what slows a whole repetition down, slows both.
 *
 * @throws {RangeError} where they are not as many, or there are none.
 */
export function ratio(values: readonly number[], reference: readonly number[]): number {
  return median(paired(values, reference).map(([value, other]) => value / other));
}

/**
 * By how much `values` exceed `reference`: the median over the repetitions, as in {@linkcode ratio}.
 *
 * @throws {RangeError} where they are not as many, or there are none.
 */
export function excess(values: readonly number[], reference: readonly number[]): number {
  return median(paired(values, reference).map(([value, other]) => value - other));
}

function paired(
  values: readonly number[],
  reference: readonly number[],
): readonly (readonly [number, number])[] {
  if (values.length !== reference.length) {
    throw new RangeError(`${values.length} repetitions have ${reference.length} references`);
  }
  return values.map((value, at) => [value, reference[at]!]);
}

function sort(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("Nothing was measured");
  return values.toSorted((a, b) => a - b);
}
