/**
 * Tokens of as many subjects as a bench needs, made before anything is measured.
 *
 * @module
 */
import { SignJWT } from "jose";

/** The secret of every server here. */
export const SECRET = "a secret that only the benches know, and no server in use";

/** HS256 tokens for an hour: `prefix` with a number each, or all the same subject. */
export async function tokens(
  count: number,
  { subject = (index) => `user-${index}` }: { subject?: (index: number) => string } = {},
): Promise<string[]> {
  const key = new TextEncoder().encode(SECRET);
  const made: string[] = [];
  for (let index = 0; index < count; index++) {
    made.push(
      await new SignJWT().setProtectedHeader({ alg: "HS256" }).setSubject(subject(index))
        .setIssuedAt().setExpirationTime("1h").sign(key),
    );
  }
  return made;
}
