// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { station } from "../cli/station.ts";

const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"];
const withoutMounting = ["setpriv", "--bounding-set=-sys_admin"];

kernelTest("sluice apply without privileges ends with 1 and says which are missing; nothing is made", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  execFileSync("chmod", ["-R", "a+rX", dirname(host.folder)]);

  const run = await runSluice(["apply", "--yes", ...host.host], { cwd: host.folder, below: nobody });

  t.is(run.exit, 1);
  t.is(
    run.err,
    "Error: Cannot use BPF: this process has no CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, and the kernel refuses to load a program: Operation not permitted (EPERM)\n" +
      '  hint: ask "sluice doctor"\n',
  );
  t.false(existsSync(host.state));
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

for (const errno of ["EPERM", "ENOSYS"]) {
  kernelTest(`sluice apply as root, where bpf(2) answers ${errno}, ends with 1 and says what kind of machine does that`, async (t, lab) => {
    const host = await station(t, lab);
    host.write("10.0.0.0/8");

    const run = await runSluice(["apply", "--yes", ...host.host], {
      cwd: host.folder,
      below: ["strace", "-f", "-qq", "-e", "trace=bpf", "-e", `inject=bpf:error=${errno}`, "-o", "/dev/null"],
    });

    t.is(run.exit, 1);
    t.regex(
      run.err,
      /^Error: Cannot use BPF: the kernel refuses to load a program although this process may, as it does in a locked-down /,
    );
    t.true(run.err.includes(errno), run.err);
    t.false(existsSync(host.state));
  });
}

kernelTest("where no bpffs is mounted, apply mounts one", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  const place = join(temporaryFolder(t), "bpf");
  mkdirSync(place);
  t.teardown(() => void execFileSync("umount", [place]));

  const options = ["--host", "edge-03", "--state", host.state, "--bpffs", place];

  const planned = await runSluice(["plan", ...options], { cwd: host.folder });
  const before = statfsSync(place).type;
  const applied = await runSluice(["apply", "--yes", ...options], { cwd: host.folder });

  t.is(planned.exit, 0, planned.err);
  t.not(before, 0xcafe4a11);
  t.is(applied.exit, 0, applied.err);
  t.is(statfsSync(place).type, 0xcafe4a11);
  t.true(existsSync(join(place, host.device, "xdp", "link")));
});

kernelTest("where no bpffs is mounted and mounting is not allowed, apply gives the line to type", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  const place = join(temporaryFolder(t), "bpf");
  mkdirSync(place);

  const options = ["apply", "--yes", "--host", "edge-03", "--state", host.state, "--bpffs", place];
  const run = await runSluice(options, { cwd: host.folder, below: withoutMounting });

  t.is(run.exit, 1);
  t.true(run.err.startsWith(`Error: Cannot mount a bpffs at "${place}" (mount -t bpf bpf ${place}): `), run.err);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), []);
});
