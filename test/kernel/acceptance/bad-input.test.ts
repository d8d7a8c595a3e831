// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { openHost } from "../../../reconciler/host.ts";
import { runPass } from "../../../reconciler/reconcile.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { json, type Station, station } from "../cli/station.ts";
import { writeFiles, xdpPolicy } from "./policy.ts";

kernelTest("a truncated journal is kept aside and told, and the apply goes on", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  host.write("172.16.0.0/12");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const journal = join(host.state, "journal");
  writeFileSync(journal, readFileSync(join(host.state, "undo")));
  truncateSync(journal, 200);

  const status = json(await host.sluice("status", "--json"));
  const { exit, err, out } = await host.sluice("apply", "--yes");
  const history = json(await host.sluice("history", "--json"))["entries"] as { message: string | null }[];

  t.like(status, { unfinished: true });
  t.is(exit, 0, err);
  t.true(out.startsWith("Nothing to do: "), out);
  t.regex(err, /^Warning: .*journal\.broken-1.*checksum does not match/m);
  t.is(readFileSync(`${journal}.broken-1`).length, 200);
  t.false(existsSync(journal));
  t.regex(history[0]?.message ?? "", /unreadable and was kept as/);
});

kernelTest("one bad line among a million is told exactly, soon, and nothing is applied", async (t, lab) => {
  const host = await station(t, lab);
  const lines = Array.from({ length: 1_000_000 }, (_, index) => `${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`);
  lines[765_432] = "12.173.0/24";
  const list = "    - name: blocked\n      uses: acl\n      with: { rules: [{ src: { file: lists/blocked.txt }, action: drop }] }\n";
  writeFiles(host.folder, { "lists/blocked.txt": `${lines.join("\n")}\n`, "interfaces/a.yaml": xdpPolicy(host.device, [list]) });
  const started = performance.now();

  const { exit, err } = await host.sluice("apply", "--yes");

  t.is(exit, 3);
  t.true(err.startsWith("lists/blocked.txt:765433:1: "), err);
  t.true(err.includes('"12.173.0/24"'), err);
  t.true(performance.now() - started < 10_000);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest(
  "a full disk: the apply ends with 6 and says which file, the host is as before, and works when there is room",
  async (t, lab) => {
    const host = await station(t, lab);
    const { folder, fill, free, sluice } = tinyDisk(t, lab, host);
    host.write("10.0.0.0/8");
    t.like(await sluice("apply", "--yes"), { exit: 0 });
    const before = [await lab.kernel.attached(host.device, "xdp"), await lab.kernel.pins(lab.root)];
    host.write("172.16.0.0/12");
    fill();

    const full = await sluice("apply", "--yes");
    const after = [await lab.kernel.attached(host.device, "xdp"), await lab.kernel.pins(lab.root)];
    free();
    const again = await sluice("apply", "--yes");

    t.is(full.exit, 6, full.err);
    t.true(full.err.includes(`Cannot write "${folder}/journal": no space left on device`), full.err);
    t.true(full.err.includes("Free some space on that file system"), full.err);
    t.deepEqual(after, before);
    t.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".tmp")),
      [],
    );
    t.is(again.exit, 0, again.err);
  },
);

kernelTest("a disk with no room for a file at all ends with 1 before anything is planned", async (t, lab) => {
  const host = await station(t, lab);
  const { folder, sluice } = tinyDisk(t, lab, host, "nr_inodes=2");
  host.write("10.0.0.0/8");

  const { exit, err } = await sluice("apply", "--yes");

  t.is(exit, 1);
  t.true(err.startsWith(`Error: Cannot write "${folder}/lock": no space left on device\n`), err);
  t.true(err.endsWith("  hint: Free some space on that file system, then type the same again; nothing was changed in the kernel\n"), err);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest("a disk that is full after the commit: the chain runs, and what could not be written down is told", async (t, lab) => {
  const host = await station(t, lab);
  const { folder, fill, free, sluice } = tinyDisk(t, lab, host);
  host.write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  // The copy of this policy needs more room than the files that it replaces.
  host.write(Array.from({ length: 2_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`).join(", "));
  const opened = openHost({ host: "edge-03", state: folder, bpffs: lab.root });
  const filling = {
    ...opened.kernel,
    switchLink: async (...args: Parameters<typeof opened.kernel.switchLink>) => {
      await opened.kernel.switchLink(...args);
      fill();
    },
  };

  const outcome = await runPass({ ...opened, kernel: filling }, await readDirectory(host.folder), { prune: false, trigger: "command" });
  const plan = await sluice("plan", "--detailed-exitcode");
  free();
  const again = await sluice("apply", "--yes");
  const drift = await sluice("drift", "--detailed-exitcode");
  const rollback = await sluice("rollback", "--yes");

  t.is(outcome.kind, "applied");
  t.regex(outcome.kind === "applied" ? outcome.notes.join("\n") : "", /no space left on device/);
  t.is(plan.exit, 0, plan.out);
  t.is(again.exit, 0, again.err);
  t.is(drift.exit, 0, drift.out);
  t.is(rollback.exit, 0, rollback.err);
  t.like(await sluice("drift", "--detailed-exitcode"), { exit: 0 });
});

kernelTest("a repository that accepts and never answers is given up in time with 4; the host keeps what it has", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const before = await lab.kernel.attached(host.device, "xdp");
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.on("listening", resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const started = performance.now();

  const { exit, err } = await host.sluice("apply", "--yes", "--repo", `https://127.0.0.1:${port}/policy.git`, "--timeout", "1s");

  t.is(exit, 4, err);
  t.regex(err, /^Error: Nothing was applied: the host is as it was\n {2}because: Cannot .*127\.0\.0\.1:\d+\/policy\.git.*1 ?s/);
  t.true(performance.now() - started < 10_000);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
});

/** A file system of its own, 300 KiB unless told otherwise, for the state directory of a station. */
function tinyDisk(t: ExecutionContext, lab: Lab, host: Station, room = "size=300k") {
  const mount = join(dirname(host.folder), "disk");
  const folder = join(mount, "state");
  const ballast = join(mount, "ballast");
  mkdirSync(mount);
  execFileSync("mount", ["-t", "tmpfs", "-o", room, "tmpfs", mount]);
  t.teardown(() => void execFileSync("umount", [mount]));
  const options = ["--host", "edge-03", "--state", folder, "--bpffs", lab.root];
  return {
    folder,
    sluice: (...args: readonly string[]) => runSluice([...args, ...options], { cwd: host.folder }),
    fill() {
      // Fails with ENOSPC, having written as much as there was room for.
      t.throws(() => writeFileSync(ballast, Buffer.alloc(400 << 10)), { code: "ENOSPC" });
    },
    free: () => writeFileSync(ballast, ""),
  };
}
