/**
 * Who is speaking, as far as the rest of the server is concerned. Only the type
 * leaves: the verifier alone can mint one.
 *
 * @module
 */
export type { Principal } from "./verifier.ts";
