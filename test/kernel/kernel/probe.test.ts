// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { probeKernel, refusesBpf } from "../../../bpf/kernel/probe.ts";
import { kernelTest } from "../../lab/kernel-test.ts";

const probeModule = new URL("../../../bpf/kernel/probe.js", import.meta.url).href;
const script = `import { probeKernel, refusesBpf } from ${JSON.stringify(probeModule)};
console.log(JSON.stringify([refusesBpf(), probeKernel()]));`;

/** Asks in a process of its own, below the words of a command. */
function askBelow(...command: readonly string[]): [string | null, ReturnType<typeof probeKernel>] {
  const words = [...command, process.execPath, "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync("env", words, { encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as [string | null, ReturnType<typeof probeKernel>];
}

kernelTest("probeKernel() finds what a kernel test needs", async (t, lab) => {
  const probe = probeKernel();

  t.is(refusesBpf(), null);
  t.is(probe.release, release());
  t.regex(probe.libbpf ?? "", /^v1\.\d+/);
  t.is(probe.libbpfProblem, null);
  t.deepEqual(probe.createsMaps, { works: true, problem: null });
  t.deepEqual(probe.loadsXdp, { works: true, problem: null });
  t.true(probe.batches.works);
  t.true(probe.bpffs.some((mount) => lab.root.startsWith(mount)));
  t.true(probe.capabilities.bpf && probe.capabilities.netAdmin);
});

kernelTest("refusesBpf() says that a process is not root", async (t) => {
  const [refusal, probe] = askBelow("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all");

  t.is(refusal, "this process is not root, and the kernel refuses to load a program: Operation not permitted (EPERM)");
  t.deepEqual(probe.capabilities, { bpf: false, netAdmin: false, perfmon: false, sysAdmin: false });
  t.deepEqual(probe.loadsXdp, { works: false, problem: "Operation not permitted (EPERM)" });
});

kernelTest("refusesBpf() says that the kernel refuses root, as in a locked-down container", async (t) => {
  const drop = "-bpf,-sys_admin,-net_admin,-perfmon";
  const [refusal] = askBelow("setpriv", `--bounding-set=${drop}`, `--inh-caps=${drop}`);

  t.is(
    refusal,
    "the kernel refuses to load a program although this process is root, as it does in a locked-down container: Operation not permitted (EPERM)",
  );
});
