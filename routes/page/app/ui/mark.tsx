/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The gate: two towers and a bridge, as the page's mark and as the picture of a server that starts.
 *
 * @module
 */
import type { JSX } from "preact";

/** The small mark. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <path d="M4 27V7h3v3h2V7h3v4h8V7h3v3h2V7h3v20h-8v-6a4 4 0 0 0-8 0v6z" />
      <path class="mark-bridge" d="M2 29.5h28" />
    </svg>
  );
}

/**
 * The gate with its bridge. `share` says how far the bridge is down: 0 stands before the gate, 1 lies
 * over the moat.
 */
export function Gate({ share }: { readonly share: number }): JSX.Element {
  const angle = -78 * (1 - share);
  return (
    <svg class="gate-picture" viewBox="0 0 240 132" aria-hidden="true">
      <path
        class="gate-wall"
        d="M20 104V34h8v8h8v-8h10v8h8v-8h8v22h36V34h8v8h8v-8h10v8h8v-8h8v70h-28V84a14 14 0 0 0-36 0v20z"
      />
      <path class="gate-door" d="M94 104V84a14 14 0 0 0 36 0" />
      <path class="gate-ground" d="M0 104h150M226 104h14" />
      <path class="gate-water" d="M154 116c6-4 12-4 18 0s12 4 18 0 12-4 18 0 12 4 18 0" />
      <g class="gate-bridge" style={{ transform: `rotate(${angle}deg)` }}>
        <path class="gate-plank" d="M150 104h76" />
      </g>
      <path class="gate-chain" d="M130 60L150 104" />
    </svg>
  );
}
