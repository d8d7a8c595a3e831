// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { bareRepository } from "../acceptance/bare-repository.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";
import { station } from "../cli/station.ts";

/** Rows 7, 8, 10, 12 and 18: what somebody who may only say what to follow could slip in. */
const refused: readonly (readonly [name: string, options: readonly string[], says: RegExp])[] = [
  ["7 an option of ssh in place of a host", ["--repo", "ssh://-oProxyCommand=touch${IFS}marker/x"], /no proper host name|is not a URL/],
  ["7 a transport that runs a command", ["--repo", "ext::sh -c touch% marker"], /a space|expected https/],
  ["7 the same in capitals", ["--repo", "EXT::touch"], /expected https/],
  ["7 an option of git in place of an address", ["--repo=--upload-pack=touch"], /expected https/],
  ["8 a branch that is no name", ["--repo", "/tmp/x.git", "--branch", "a b..c"], /Cannot follow branch/],
  ["10 a password in the address", ["--repo", "https://git:canary@example.net/x"], /holds a password/],
  ["12 a line break in the address", ["--repo", "https://example.net/x\nhost=evil"], /a control character/],
  ["18 a pause longer than any timer", ["--repo", "/tmp/x.git", "--poll", "99999999999d"], /poll/],
];

kernelTest(
  "an agent that is told to follow something that is more than an address does not start, and repeats no password",
  async (t, lab) => {
    const host = await station(t, lab);
    for (const [name, options, says] of refused) {
      const { exit, err, out } = await runSluice(["agent", ...options, ...host.host], { cwd: host.folder });

      t.not(exit, 0, name);
      t.regex(err, says, name);
      t.false((err + out).includes("canary"), name);
    }
    t.deepEqual(await lab.kernel.attached(host.device, "xdp"), []);
  },
);

kernelTest(
  "what a running agent has is for root alone, it hears nothing of the network, and others reach neither socket nor pins",
  async (t, lab) => {
    const host = await station(t, lab);
    const policy = bareRepository(t);
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) }, "Drop bogons");
    // 9: an environment that tells git what to do, and a home with settings.
    const home = temporaryFolder(t);
    const marker = join(home, "marker");
    writeFileSync(join(home, ".gitconfig"), `[core]\n\tfsmonitor = touch ${marker}\n[credential]\n\thelper = !touch ${marker}\n`);
    const hostile = [`HOME=${home}`, "GIT_DIR=/nonexistent", "GIT_EXEC_PATH=/nonexistent", `GIT_SSH_COMMAND=touch ${marker}`];
    const agent = startAgent(t, host, ["--repo", policy.path], ["env", ...hostile]);
    await agent.told("revision applied");

    const modes = [host.state, lab.root].map((path) => statSync(path).mode & 0o777);
    const stranger = await runSluice(["status", ...host.host], { uid: 65_534 });
    const listening = ["tcp", "tcp6", "udp", "udp6"].flatMap((name) =>
      readFileSync(`/proc/${agent.child.pid}/net/${name}`, "utf8")
        .split("\n")
        .slice(1)
        .filter((line) => / 0A | 07 /.test(line)),
    );

    t.deepEqual(modes, [0o700, 0o700]);
    t.not(stranger.exit, 0);
    t.deepEqual(listening, []);
    t.throws(() => statSync(marker), { code: "ENOENT" });
  },
);
