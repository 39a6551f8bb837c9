/**
 * Keeps the focus on the page where a control goes away that has it: else the next key would go nowhere.
 *
 * @module
 */
/// <reference lib="dom" />
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Gives the focus to what `heirOf` names, once a control of `area` is gone that had it. */
export function useKeptFocus(
  area: RefObject<HTMLElement | null>,
  heirOf: (lost: Element) => HTMLElement | null | undefined,
): void {
  const present = useRef(heirOf);
  present.current = heirOf;
  useEffect(() => {
    const element = area.current;
    if (element === null) return;
    let last: Element | null = null;
    const onFocus = ({ target }: Event): void => {
      last = target instanceof Element && element.contains(target) ? target : null;
    };
    // Who points at something else has let go of it before.
    const onPointer = ({ target }: Event): void => {
      if (!(target instanceof Node && last?.contains(target))) last = null;
    };
    const changes = new MutationObserver(() => {
      if (last === null || last.isConnected || document.activeElement !== document.body) return;
      const heir = present.current(last);
      last = null;
      heir?.focus({ preventScroll: true });
    });
    changes.observe(element, { childList: true, subtree: true });
    document.addEventListener("focusin", onFocus);
    document.addEventListener("pointerdown", onPointer);
    return () => {
      changes.disconnect();
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("pointerdown", onPointer);
    };
  }, [area]);
}
