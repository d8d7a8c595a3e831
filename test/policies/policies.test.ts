// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import { expressions } from "../../bpf/match/compile-match.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { library, libraryObject } from "../../bpf/programs/library.ts";
import { renderDesired } from "../../reconciler/2-desired/render-desired.ts";
import { hookName } from "../../reconciler/model/hook.ts";
import { compile } from "../lab/compile.ts";

const folder = join(packageRoot(), "policies");

/** A policy repository as a snapshot; objects that are there as C only are compiled. */
function filesOf(name: string): ReadonlyMap<string, Uint8Array> {
  const root = join(folder, name);
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => statSync(join(root, path)).isFile());
  const files = new Map<string, Uint8Array>(paths.map((path) => [path, new Uint8Array(readFileSync(join(root, path)))]));
  for (const [path, source] of [...files].filter(([name]) => name.endsWith(".bpf.c"))) {
    files.set(path.replace(/\.c$/, ".o"), compile(Buffer.from(source).toString("utf8"), basename(path, ".bpf.c")));
  }
  return files;
}

const rendersTo = test.macro<[string, readonly string[], readonly string[]]>({
  title: (_, name) => `policies/${name} renders`,
  exec(t, name, hooks, warnings) {
    const rendered = renderDesired({
      snapshot: { revision: { name: "test", commit: null, author: null, subject: null, committed: null }, files: filesOf(name) },
      host: "any",
      library,
      libraryObject,
      expressions,
      openObject,
    });

    if (rendered.kind === "invalid") {
      t.deepEqual(rendered.diagnostics, []);
      return;
    }
    t.deepEqual(
      rendered.desired.hooks.map(({ hook, chain }) => `${hookName(hook)}: ${chain.map((step) => step.name).join(", ")}`),
      hooks,
    );
    t.deepEqual(
      rendered.warnings.map(({ code }) => code),
      warnings,
    );
  },
});

test(rendersTo, "minimal", ["eth0/xdp: no-telnet"], []);
test(
  rendersTo,
  "edge",
  [
    "eth0/xdp: bogons, blocklist, amplification, syn-limit, ping-limit",
    "eth1/tc-ingress: anti-spoofing, no-direct-mail",
    "eth1/tc-egress: dns-answers",
  ],
  [],
);
test(
  rendersTo,
  "edge-ddos",
  ["eth0/xdp: bogons, attackers, amplification, not-for-us, signatures, odd-flags, syn-limit, source-limit, drops"],
  [],
);
test(rendersTo, "web-server", ["eth0/xdp: basics, admins, connections, syn-limit, wanted", "eth0/tc-egress: outgoing"], []);
test(
  rendersTo,
  "l3af-parity",
  ["eth0/xdp: ratelimiting, connection-limit", "eth0/tc-ingress: flows, mirroring", "eth0/tc-egress: flows"],
  [],
);
test(rendersTo, "own-object", ["eth0/xdp: bgp-guard, ssh-limit"], ["unpinned-object"]);

test("every folder of policies is tested here", (t) => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

  t.deepEqual(folders.map((entry) => entry.name).sort(), ["edge", "edge-ddos", "l3af-parity", "minimal", "own-object", "web-server"]);
});
