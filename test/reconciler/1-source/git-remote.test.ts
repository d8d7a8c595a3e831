// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseRemote, withoutPasswords } from "../../../reconciler/1-source/git-remote.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";

const accepted = [
  [
    "https://git.example.net/net/filters.git",
    { protocol: "https", url: "https://git.example.net/net/filters.git", host: "git.example.net" },
  ],
  ["https://bot@git.example.net:8443/f", { protocol: "https", url: "https://bot@git.example.net:8443/f", host: "git.example.net:8443" }],
  ["https://[2001:db8::1]/f", { protocol: "https", url: "https://[2001:db8::1]/f", host: "[2001:db8::1]" }],
  [
    "ssh://git@git.example.net/net/filters.git",
    { protocol: "ssh", url: "ssh://git@git.example.net/net/filters.git", host: "git.example.net" },
  ],
  [
    "ssh://git@git.example.net:2222/~alice/f",
    { protocol: "ssh", url: "ssh://git@git.example.net:2222/~alice/f", host: "git.example.net:2222" },
  ],
  ["/srv/git/../git/filters.git", { protocol: "file", url: "/srv/git/filters.git", host: null }],
  ["file:///srv/git/filters.git", { protocol: "file", url: "/srv/git/filters.git", host: null }],
] as const;

for (const [address, remote] of accepted) {
  test(`parseRemote() takes ${address}`, (t) => {
    t.deepEqual(parseRemote(address), remote);
  });
}

const refused = [
  ["ext::sh -c id", "it has a space or a control character"],
  ["ext::sh%20-c%20id", "expected https://…, ssh://… or an absolute path"],
  ["git://git.example.net/f", 'protocol "git" is not allowed, expected https, ssh or an absolute path'],
  ["http://git.example.net/f", 'protocol "http" is not allowed, expected https, ssh or an absolute path'],
  ["HTTPS://git.example.net/f", "expected https://…, ssh://… or an absolute path"],
  ["git@git.example.net:net/filters.git", "the short form of ssh is not understood"],
  ["ssh://-oProxyCommand=id/f", "it has no proper host name"],
  ["ssh://-l@host/f", "its user name has odd characters"],
  ["ssh://host/-f", "its path is empty or has odd characters"],
  ["ssh://host/`id`", "its path is empty or has odd characters"],
  ["https://host", "its path is empty or has odd characters"],
  ["https://host/f?x=1", 'it has a part after "?" or "#"'],
  ["https://ho st/f", "it has a space or a control character"],
  ["https://host/f\nx", "it has a space or a control character"],
  ["https://%zz/f", "it is not a URL"],
  ["file://host/f", "a file URL has three slashes"],
  ["--upload-pack=id", "expected https://…, ssh://… or an absolute path"],
  ["policies", "expected https://…, ssh://… or an absolute path"],
  ["", "expected https://…, ssh://… or an absolute path"],
] as const;

for (const [address, reason] of refused) {
  test(`parseRemote() refuses ${JSON.stringify(address)}`, (t) => {
    const error = t.throws(() => parseRemote(address), { instanceOf: ReconcilerError });

    t.is(error.code, "source-refused");
    t.is(error.message, `Cannot use repository ${JSON.stringify(address)}: ${reason}`);
  });
}

test("parseRemote() refuses a password and does not repeat it", (t) => {
  const error = t.throws(() => parseRemote("https://bot:hunter2@git.example.net/f"), { instanceOf: ReconcilerError });

  t.is(error.message, 'Cannot use repository "https://bot:***@git.example.net/f": it holds a password');
  t.is(error.hint, "Put the password or token in a file of mode 0600 and name that with passwordFile");
});

test("withoutPasswords() finds them anywhere in a text, and leaves ports alone", (t) => {
  t.is(
    withoutPasswords("fatal: https://a:b@c/d and ssh://:x@y:22/z, https://host:8443/f"),
    "fatal: https://a:***@c/d and ssh://:***@y:22/z, https://host:8443/f",
  );
});
