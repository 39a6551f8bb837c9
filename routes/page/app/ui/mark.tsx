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

/** Length of the bridge as it is seen from before: raised over the door, and lowered over the moat. */
const RAISED = -1;
const LOWERED = 0.62;

/**
 * The gate with its bridge. `share` says how far the bridge is down: 0 shuts the gate, 1 lies over the
 * moat.
 */
export function Gate({ share }: { readonly share: number }): JSX.Element {
  // A plank that turns on its hinge, seen from before, has the length of a cosine.
  const turned = (1 - Math.cos(Math.PI * share)) / 2;
  const length = RAISED + (LOWERED - RAISED) * turned;
  return (
    <svg class="gate-picture" viewBox="0 0 200 140" aria-hidden="true">
      <path
        class="gate-wall"
        d="M38 104V30h8v7h7v-7h8v7h7v-7h8v22h7v-7h8v7h18v-7h8v7h7V30h8v7h7v-7h8v7h7v-7h8v74z"
      />
      <path class="gate-door" d="M80 104V84a20 20 0 0 1 40 0v20z" />
      <path class="gate-slit" d="M57 54v14M143 54v14" />
      <path
        class="gate-water"
        d="M14 118c7-4 14-4 21 0s14 4 21 0M144 118c7-4 14-4 21 0s14 4 21 0M34 130c7-4 14-4 21 0s14 4 21 0M124 130c7-4 14-4 21 0s14 4 21 0"
      />
      <path class="gate-ground" d="M10 104h180" />
      <g class="gate-bridge" style={{ transform: `scaleY(${length.toFixed(3)})` }}>
        <path class="gate-plank" d="M80 104h40v40H80z" />
        <path class="gate-joint" d="M80 114h40M80 124h40M80 134h40" />
      </g>
    </svg>
  );
}
