// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { bareRepository } from "../acceptance/bare-repository.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";

/** Some user who is nobody else here. */
const user = 61_234;

kernelTest("git gets none of the capabilities that a user who is not root was given", async (t, lab) => {
  const { inside } = await lab.veth();
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(inside, [dropsFrom("bogons", "10.0.0.0/8")]) }, "first");
  const home = temporaryFolder(t);
  const [state, tools, said] = [join(home, "state"), join(home, "tools"), join(home, "said")];
  for (const folder of [state, tools]) mkdirSync(folder);
  writeFileSync(said, "");
  // A git that tells what it may do, before it is git.
  writeFileSync(join(tools, "git"), `#!/bin/sh\ngrep Cap /proc/self/status >>${said}\nPATH=\${PATH#*:}\nexec git "$@"\n`);
  chmodSync(join(tools, "git"), 0o755);
  for (const path of [home, state, said, dirname(policy.path)]) execFileSync("chown", ["-R", `${user}:${user}`, path]);

  const run = await runSluice(["plan", "--repo", policy.path, "--branch", "main", "--state", state, "--bpffs", lab.root], {
    env: { PATH: `${tools}:${process.env["PATH"] ?? ""}` },
  });

  t.is(run.exit, 0, run.err);
  t.regex(run.out, /bogons/);
  const sets = readFileSync(said, "utf8").trim().split("\n");
  const held = sets.filter((line) => /^Cap(Prm|Eff|Amb):/.test(line));
  t.true(held.length > 0);
  t.deepEqual([...new Set(held.map((line) => line.split(/\s+/)[1]))], ["0000000000000000"]);
});
