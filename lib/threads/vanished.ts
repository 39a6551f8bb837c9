/**
 * What happens to those who read a thread while it is removed: rows that the
 * head led to are gone a moment later. That is no fault, unless the head is still there.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { headKey, type Incarnation } from "./keys.ts";
import type { Store, Stored } from "./store.ts";

/** Something that a thread's head, or another of its rows, leads to is not there. */
export class VanishedError extends Error {
  override readonly name = "VanishedError";
}

/**
 * The value of a row that another row leads to.
 *
 * @throws {VanishedError} where there is none.
 */
export function present<T>({ key, value }: Stored<T>): T {
  if (value === null) throw new VanishedError(`Cannot find a row of kind ${key.at(-2)}`);
  return value;
}

/**
 * Reads rows of a thread that may be removed meanwhile.
 *
 * @throws {AppError} `NOT_FOUND` where that was so, `STORE_UNAVAILABLE`
 * @throws {VanishedError} where the thread is there, and what is missing is missing for good.
 */
export async function whileThere<T>(
  store: Store,
  thread: Incarnation,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof VanishedError)) throw error;
    const { value: head } = await store.get(headKey(thread));
    if (head?.generation === thread.generation) throw error;
    throw new AppError("NOT_FOUND", { cause: error });
  }
}
