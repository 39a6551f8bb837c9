/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * Begins the page.
 *
 * @module
 */
import { render } from "preact";
import { readSignIn } from "./settings.ts";
import { App } from "./ui/app.tsx";

const root = document.getElementById("app");
if (root !== null) {
  const signIn = readSignIn((name) =>
    document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? null
  );
  // What the server drew for the wait is not part of the page.
  root.replaceChildren();
  render(<App signIn={signIn} />, root);
}
