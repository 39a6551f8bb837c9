/**
 * The least that a server can be, for the time from a process to its first answer.
 *
 * @module
 */
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} },
  () => new Response("ok"),
);
