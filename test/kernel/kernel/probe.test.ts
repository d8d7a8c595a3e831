// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { probeKernel, refusesBpf } from "../../../bpf/kernel/probe.ts";
import { kernelTest } from "../../lab/kernel-test.ts";

const probeModule = new URL("../../../bpf/kernel/probe.js", import.meta.url).href;
const script = `import { probeKernel, refusesBpf } from ${JSON.stringify(probeModule)};
const { capabilities, ...rest } = probeKernel();
console.log(JSON.stringify([refusesBpf(), { ...rest, capabilities: [...capabilities] }]));`;

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
  t.true(probe.capabilities.has("bpf") && probe.capabilities.has("net_admin"));
});

kernelTest("refusesBpf() says which capabilities a process lacks", async (t) => {
  const [refusal, probe] = askBelow("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all");

  t.is(
    refusal,
    "this process has no CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, and the kernel refuses to load a program: Operation not permitted (EPERM)",
  );
  t.deepEqual([...probe.capabilities], []);
  t.deepEqual(probe.loadsXdp, { works: false, problem: "Operation not permitted (EPERM)" });
});

kernelTest("refusesBpf() says what root lacks in a container that has no right to BPF", async (t) => {
  const drop = "-bpf,-sys_admin";
  const [refusal] = askBelow("setpriv", `--bounding-set=${drop}`, `--inh-caps=${drop}`);

  t.is(refusal, "this process has no CAP_BPF, and the kernel refuses to load a program: Operation not permitted (EPERM)");
});
