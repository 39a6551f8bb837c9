/**
 * When a server has nothing under way in its database: sockets that opened a thread have read its
 * log then, and follow it.
 *
 * @module
 */

/** Looks in a row that find nothing under way, and the time between two, milliseconds. */
const LOOKS = 10;
const LOOK_MS = 20;

let underWay = 0;

/** Counts the database's operations from now on. */
export function watchDatabase(): void {
  count(Deno.Kv.prototype, "get");
  count(Deno.Kv.prototype, "getMany");
  count(Deno.AtomicOperation.prototype, "commit");
  count(Deno.KvListIterator.prototype, "next");
}

/**
 * Resolves when nothing has been under way for a while. It looks from within the server, so that a
 * machine which is busy with others slows both.
 */
export async function settled(): Promise<void> {
  for (let quiet = 0; quiet < LOOKS;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    quiet = underWay === 0 ? quiet + 1 : 0;
  }
}

function count<Method extends string>(
  prototype: { [Name in Method]: (...args: never[]) => Promise<unknown> },
  method: Method,
): void {
  const original = prototype[method];
  Object.defineProperty(prototype, method, {
    async value(...args: never[]): Promise<unknown> {
      underWay++;
      try {
        return await Reflect.apply(original, this, args);
      } finally {
        underWay--;
      }
    },
  });
}
