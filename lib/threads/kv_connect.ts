/**
 * Asks a KV Connect server whether it serves, before the runtime is given its
 * address: Deno 2.5 opens any address at once and retries in silence.
 *
 * @module
 */

/** Protocol versions that the runtime speaks (KV Connect, metadata exchange). */
const SUPPORTED_VERSIONS = [1, 2, 3] as const;

/**
 * Does the metadata exchange and keeps nothing of it. Hangs as long as the
 * server does: the signal ends it.
 *
 * @param url The database's address; `accessToken` is sent to it and nowhere else.
 * @throws {Error} Where the server refuses, or answers anything but success.
 * @throws The signal's reason, where it aborts.
 */
export async function checkKvConnect(
  url: string,
  { accessToken, signal }: { accessToken: string | undefined; signal: AbortSignal },
): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    redirect: "error",
    signal,
    headers: {
      "Content-Type": "application/json",
      ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ supportedVersions: SUPPORTED_VERSIONS }),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`Cannot open the database: it answers ${response.status}`);
}
