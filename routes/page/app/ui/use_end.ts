/**
 * Keeps the end of a view in sight, as long as its reader is there.
 *
 * @module
 */
/// <reference lib="dom" />
import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useCallback, useEffect, useMemo } from "preact/hooks";
import { Stickiness } from "../state/stickiness.ts";

/** What follows the end. */
export interface End {
  /** Whether it is followed; else there may be something new below. */
  readonly isFollowing: Signal<boolean>;
  /** Goes to the end, and stays there. */
  readonly follow: () => void;
}

/** Follows the end of `view`, whose `content` grows. Another `key` is another view. */
export function useEnd(
  view: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  key: string,
): End {
  const stickiness = useMemo(() => new Stickiness(), [key]);
  const isFollowing = useSignal(true);
  const toEnd = useCallback(() => {
    const element = view.current;
    if (element !== null && stickiness.isFollowing) element.scrollTop = element.scrollHeight;
  }, [view, stickiness]);
  useEffect(() => {
    const [scrolled, grown] = [view.current, content.current];
    if (scrolled === null || grown === null) return;
    isFollowing.value = true;
    const onScroll = (): void => {
      stickiness.scrolled(scrolled);
      isFollowing.value = stickiness.isFollowing;
    };
    const growth = new ResizeObserver(toEnd);
    growth.observe(grown);
    growth.observe(scrolled);
    scrolled.addEventListener("scroll", onScroll, { passive: true });
    toEnd();
    return () => {
      growth.disconnect();
      scrolled.removeEventListener("scroll", onScroll);
    };
  }, [view, content, stickiness]);
  const follow = useCallback(() => {
    stickiness.follow();
    isFollowing.value = true;
    toEnd();
  }, [stickiness, toEnd]);
  return { isFollowing, follow };
}
