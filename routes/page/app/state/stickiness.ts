/**
 * Whether the view follows what is new. It does as long as its reader is at the end, and never pulls
 * away who reads further up.
 *
 * @module
 */

/** Distance from the end that still counts as the end, pixels. */
const NEAR_PX = 48;

/** A view, measured. */
export interface Measure {
  readonly scrollTop: number;
  readonly scrollHeight: number;
  readonly clientHeight: number;
}

/** Follows the end, or not. */
export class Stickiness {
  #isFollowing = true;
  #lastTop = 0;

  /** Whether the end is to be kept in view. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** The view was scrolled, by its reader or by the page. True where the answer changed. */
  scrolled({ scrollTop, scrollHeight, clientHeight }: Measure): boolean {
    const before = this.#isFollowing;
    const isAtEnd = scrollHeight - scrollTop - clientHeight <= NEAR_PX;
    // What grows below moves the end away without anybody scrolling: only a way up lets go.
    if (isAtEnd) this.#isFollowing = true;
    else if (scrollTop < this.#lastTop) this.#isFollowing = false;
    this.#lastTop = scrollTop;
    return before !== this.#isFollowing;
  }

  /** The reader wants the end: has sent something, or asked for it. */
  follow(): void {
    this.#isFollowing = true;
  }
}
