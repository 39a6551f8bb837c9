/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The page's few icons, drawn on a grid of 16.
 *
 * @module
 */
import type { JSX } from "preact";

const PATHS = {
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6V3.5h6.5V10H10M3.5 6H10v6.5H3.5z",
  done: "M3.5 8.5l3 3 6-7",
  down: "M8 3v10M4 9l4 4 4-4",
  left: "M10 3.5L5.5 8l4.5 4.5",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  new: "M8 3v10M3 8h10",
  remove: "M3.5 4.5h9M6.5 4.5V3h3v1.5M5 4.5l.5 8.5h5l.5-8.5",
  rename: "M3 13l.6-2.8 7.2-7.2 2.2 2.2-7.2 7.2L3 13z",
  right: "M6 3.5L10.5 8 6 12.5",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5l3 3",
  send: "M8 13V3.5M4 7.5l4-4 4 4",
  stop: "M5 5h6v6H5z",
  tool:
    "M9.8 2.8a3.2 3.2 0 0 0-3 4.3L2.9 11a1.5 1.5 0 0 0 2.1 2.1l3.9-3.9a3.2 3.2 0 0 0 4.2-4l-2 1.9-1.7-.4-.4-1.7z",
  wait: "M8 4.5V8l2.3 1.5M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z",
  warn: "M8 2.5l6 10.5H2zM8 6.5v3M8 11.2v.3",
} as const;

/** An icon's name. */
export type IconName = keyof typeof PATHS;

/** An icon, which says nothing to a screen reader: the button's own name does. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
