/**
 * The stylesheet of `/docs`. It is text in a module because Deno 2.5 imports no
 * text, and reading a file would need a path.
 *
 * @module
 */

/** CSS. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --raised: #fff; --ink: #22201c; --faint: #625d54; --line: #ddd8ce;
  --link: #0b5c8a; --code: #f1eee8; --get: #0b6b4f; --post: #7a4a00; --patch: #5b3aa8; --delete: #a3212b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16171a; --raised: #1d1f23; --ink: #e6e3dd; --faint: #a29d93; --line: #35373d;
    --link: #7cc4ee; --code: #25272c; --get: #6bd6ad; --post: #e9b45c; --patch: #bda3f5; --delete: #ff9a9a;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  display: grid; grid-template-columns: 17rem minmax(0, 1fr);
}
header {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 3rem 1.5rem;
  border-right: 1px solid var(--line); font-size: .875rem; scrollbar-width: thin;
}
main { padding: 2rem clamp(1rem, 4vw, 4rem) 6rem; max-width: 62rem; min-width: 0; }
main:focus { outline: none; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--raised); z-index: 1; }
.brand { margin: 0 0 1.5rem; font-size: 1.125rem; font-weight: 650; }
.brand a { color: inherit; text-decoration: none; }
.brand small { color: var(--faint); font-weight: 400; font-size: .8125rem; }
nav p { margin: 1rem 0 .25rem; font-weight: 600; }
nav p.aside { margin: .5rem 0 0; font-weight: 400; font-size: .75rem; text-transform: uppercase; letter-spacing: .05em; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { color: inherit; text-decoration: none; }
nav li a { display: block; padding: .15rem .5rem; margin-left: -.5rem; border-radius: .25rem; color: var(--faint); overflow-wrap: anywhere; }
nav a:hover { color: var(--link); }
nav code { background: none; padding: 0; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 1rem; letter-spacing: -.015em; }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 4rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1875rem; margin: 2.5rem 0 .5rem; }
h4 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h5 { font-size: .8125rem; margin: 1.25rem 0 .25rem; color: var(--faint); text-transform: uppercase; letter-spacing: .05em; }
h3 a, h4 a { color: inherit; text-decoration: none; }
h3 a:hover, h4 a:hover { color: var(--link); }
h4 small { color: var(--faint); font-weight: 400; }
p { margin: 0 0 .75rem; max-width: 44rem; }
article { background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: 1.25rem 1.5rem; margin: 1rem 0; }
article > h3:first-child { margin-top: 0; }
article > :last-child { margin-bottom: 0; }
article:target { border-color: var(--link); }
.aside, i { color: var(--faint); font-style: normal; font-size: .875rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; }
code { background: var(--code); padding: .1em .3em; border-radius: .25rem; overflow-wrap: anywhere; }
pre { background: var(--code); padding: .875rem 1rem; border-radius: .375rem; overflow-x: auto; line-height: 1.5; margin: .5rem 0 1rem; font-size: .8125rem; }
pre.line { white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { background: none; padding: 0; font-size: inherit; overflow-wrap: normal; }
.table { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--faint); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
tbody th code { overflow-wrap: normal; }
tbody tr:last-child > * { border-bottom: 0; }
tr:has(:target) { background: var(--code); }
.method { font-size: .8125rem; letter-spacing: .03em; }
.get { color: var(--get); } .post { color: var(--post); }
.patch { color: var(--patch); } .delete { color: var(--delete); }
@media (max-width: 56rem) {
  body { display: block; }
  header { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  nav { columns: 2; column-gap: 1.5rem; }
  article { padding: 1rem; }
}
@media print { header { display: none; } body { display: block; } article { break-inside: avoid; } }
`;
