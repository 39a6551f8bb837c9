import { assertEquals } from "@std/assert";
import { originAllowed } from "../../lib/auth/origin.ts";

const PRODUCTION = { allowedOrigins: new Set(["https://app.example.com"]), allowLocalhost: false };
const DEVELOPMENT = { allowedOrigins: new Set<string>(), allowLocalhost: true };

function judge(
  cases: readonly (readonly [origin: string, host: string | null])[],
  rules: typeof PRODUCTION = PRODUCTION,
): readonly boolean[] {
  return cases.map(([origin, host]) => originAllowed(origin, host, rules));
}

Deno.test("originAllowed takes the same host and port over either scheme", () => {
  assertEquals(
    judge([
      ["https://chat.example", "chat.example"],
      ["http://chat.example", "chat.example"],
      ["https://chat.example", "chat.example:443"],
      ["http://chat.example", "chat.example:80"],
      ["https://chat.example:443", "chat.example"],
      ["http://chat.example:8000", "chat.example:8000"],
      ["https://CHAT.example", "chat.EXAMPLE"],
      ["http://[::1]:8000", "[::1]:8000"],
      ["http://my_host", "my_host"],
    ]),
    Array(9).fill(true),
  );
});

Deno.test("originAllowed refuses another host or port, a missing Host, and the other scheme's port", () => {
  assertEquals(
    judge([
      ["https://evil.example", "chat.example"],
      ["https://chat.example.evil.example", "chat.example"],
      ["https://sub.chat.example", "chat.example"],
      ["https://chat.example:8443", "chat.example"],
      ["http://chat.example", "chat.example:443"],
      ["https://chat.example", "chat.example:80"],
      ["https://chat.example", null],
      ["https://chat.example", ""],
      ["https://chat.example", "user@chat.example"],
      ["https://chat.example", "chat.example/"],
      ["https://chat.example", "chat.example, chat.example"],
      ["http://localhost:8000", "chat.example"],
    ]),
    Array(12).fill(false),
  );
});

Deno.test("originAllowed takes an allowed origin in any case, and nothing that only looks like it", () => {
  assertEquals(
    judge([
      ["https://app.example.com", "chat.example"],
      ["https://App.Example.Com:443", "chat.example"],
    ]),
    [true, true],
  );
  assertEquals(
    judge([
      ["http://app.example.com", "chat.example"],
      ["https://app.example.com:444", "chat.example"],
      ["https://app.example.com.evil.example", "chat.example"],
      ["https://app.example.com@evil.example", "chat.example"],
      ["https://evilapp.example.com", "chat.example"],
    ]),
    Array(5).fill(false),
  );
});

Deno.test("originAllowed refuses null and whatever is no plain http origin, be it the same host", () => {
  const odd = [
    "null",
    "",
    "*",
    "chat.example",
    "//chat.example",
    "https://",
    "https://chat.example/",
    "https://chat.example/path",
    "https://chat.example?",
    "https://chat.example#",
    "https://chat.example:",
    "https://chat.example:0443",
    "https://user@chat.example",
    "https://chat.example ",
    " https://chat.example",
    "https:chat.example",
    "https:/chat.example",
    "https:\\\\chat.example",
    "https://chat%2eexample",
    "https://chat.example, https://chat.example",
    "https://chat.example https://evil.example",
    "ws://chat.example",
    "file://chat.example",
    "javascript://chat.example",
    "chrome-extension://chat.example",
  ];
  assertEquals(odd.filter((origin) => judge([[origin, "chat.example"]])[0]), []);
});

Deno.test("originAllowed in development takes any port of this machine and of no other", () => {
  const local = ["http://localhost", "https://localhost:5173", "http://127.0.0.1:3000"];
  assertEquals(
    [...local, "http://[::1]:3000", "http://LOCALHOST:1"].map((origin) =>
      originAllowed(origin, "chat.example", DEVELOPMENT)
    ),
    Array(5).fill(true),
  );
  const foreign = [
    "http://localhost.evil.example",
    "http://evil.example",
    "http://127.0.0.2",
    "http://127.1",
    "http://0x7f000001",
    "http://2130706433",
    "http://[::ffff:127.0.0.1]",
    "http://localhost@evil.example",
    "ws://localhost",
    "null",
  ];
  assertEquals(
    foreign.filter((origin) => originAllowed(origin, "chat.example", DEVELOPMENT)),
    [],
  );
});
