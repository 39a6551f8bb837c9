/**
 * What a broken promise is called.
 *
 * @module
 */

/** How a promise can be broken. */
export type Fault =
  /** Acknowledged or seen, and not there. */
  | "lost"
  /** There twice, or with two runs. */
  | "duplicated"
  /** Not in the order in which it was acknowledged. */
  | "reordered"
  /** Something between two others is missing. */
  | "gapped"
  /** Seen twice on one socket. */
  | "repeated"
  /** Seen by, or stored for, somebody else. */
  | "foreign"
  /** Stored, and nobody sent it. */
  | "invented"
  /** A run with two answers. */
  | "doubly ended"
  /** A run without an answer. */
  | "never ended"
  /** It got an error, and is stored. */
  | "refused yet stored"
  /** Two that see the same see it differently. */
  | "differing"
  /** A chunk before its start, after its answer, or of another attempt. */
  | "misplaced"
  /** A run that begins while another runs, or an attempt too many. */
  | "unfenced"
  /** `recovered` says what is not so. */
  | "wrongly recovered"
  /** The answer is not what the model says. */
  | "wrong answer";

/** One broken promise. */
export interface Violation {
  /** The item of section 7 of the contract. */
  readonly promise: "7.1" | "7.2" | "7.3" | "7.4" | "7.5" | "7.6" | "7.7";
  readonly fault: Fault;
  /** Where, and what. */
  readonly detail: string;
}
