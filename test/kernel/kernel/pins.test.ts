// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureBpffs, isBpffs } from "../../../bpf/kernel/bpffs.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { loadConstant, prepareStep } from "./chains.ts";
import { refusedSource, statefulSource } from "./sources.ts";

kernelTest("pins() lists programs, maps and links below a directory in path order", async (t, lab) => {
  const { inside } = await lab.veth();
  const program = await loadConstant(lab, 1);
  await lab.kernel.attach(`${lab.root}/z/link`, { device: inside, hook: "xdp", program, mode: "native" });
  await lab.kernel.createFrozenMap(`${lab.root}/a/manifest`, "sl_manifest", Buffer.from("x"));

  const pins = await lab.kernel.pins(lab.root);

  t.deepEqual(
    pins.map(({ kind, path }) => [kind, path.slice(lab.root.length)]),
    [
      ["map", "/a/manifest"],
      ["program", "/constant/xdp-2"],
      ["link", "/z/link"],
    ],
  );
  const [, loaded, link] = pins;
  t.regex(loaded?.kind === "program" ? loaded.tag : "", /^[0-9a-f]{16}$/);
  t.like(link, { programId: loaded?.id ?? 0 });
  const device = (await lab.kernel.devices()).find(({ name }) => name === inside);
  t.like(link, { ifindex: device?.ifindex ?? 0 });
});

kernelTest("pins() of a directory that does not exist are none", async (t, lab) => {
  t.deepEqual(await lab.kernel.pins(`${lab.root}/nowhere`), []);
});

kernelTest("pins are below directories that only root can read", async (t, lab) => {
  await lab.kernel.createFrozenMap(`${lab.root}/a/b/manifest`, "sl_manifest", Buffer.from("x"));

  t.is(statSync(`${lab.root}/a`).mode & 0o777, 0o700);
  t.is(statSync(`${lab.root}/a/b`).mode & 0o777, 0o700);
});

kernelTest("unpin() removes pins and the directories that get empty, and no others", async (t, lab) => {
  for (const name of ["a/b/one", "a/b/two", "a/three"]) await lab.kernel.createFrozenMap(`${lab.root}/${name}`, "sl_x", Buffer.from("x"));

  await lab.kernel.unpin([`${lab.root}/a/b/one`, `${lab.root}/a/b/two`, `${lab.root}/never/there`]);

  t.false(existsSync(`${lab.root}/a/b`));
  t.deepEqual(readdirSync(`${lab.root}/a`), ["three"]);

  await lab.kernel.unpin([`${lab.root}/a/three`]);

  t.false(existsSync(lab.root));
  t.true(isBpffs(dirname(lab.root)), "the mount stays");
});

kernelTest("a name with a dot cannot be pinned, and the error says which", async (t, lab) => {
  await t.throwsAsync(lab.kernel.createFrozenMap(`${lab.root}/eth0.100`, "sl_x", Buffer.from("x")), {
    message: `Cannot pin "${lab.root}/eth0.100": Operation not permitted (EPERM)`,
  });
  await t.throwsAsync(lab.kernel.createFrozenMap(`/proc/sluice/x`, "sl_x", Buffer.from("x")), {
    message: 'Cannot make the directory "/proc/sluice": ENOENT',
  });
});

kernelTest("no call leaves an fd open, whether it works or not", async (t, lab) => {
  const { inside } = await lab.veth();
  // Twice: the first time opens what stays open, as the threads for asynchronous calls.
  await callEverything(lab, inside, "warm");
  const before = bpfFds();

  await callEverything(lab, inside, "again");

  t.deepEqual(bpfFds(), before);
});

kernelTest("ensureBpffs() mounts one where there is none, and only once", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bpffs-"));

  ensureBpffs(folder);
  ensureBpffs(`${folder}/not/there/yet`);

  t.true(isBpffs(folder));
  execFileSync("umount", [folder]);
  t.false(isBpffs(folder), "mounted once");
  t.throws(() => ensureBpffs(`${folder}/not/there/yet`), {
    message:
      `Cannot pin below "${folder}/not/there/yet": "${folder}" is not on a bpffs; make a directory and mount one there ` +
      `(mount -t bpf bpf ${folder}/not/there/yet)`,
  });
  rmdirSync(folder);
});

/** Every method, once so that it works and once so that it fails. */
async function callEverything(lab: Lab, device: string, folder: string): Promise<void> {
  const here = { ...lab, root: `${lab.root}/${folder}` };
  const { kernel } = here;
  const object = lab.compile(statefulSource, "stateful");
  const { request, maps } = await prepareStep(here, object, "limited");
  const [program, other] = [`${here.root}/program`, await loadConstant(here, 0)];
  const [link, hash] = [`${here.root}/link`, maps["by_length"] as string];
  await kernel.load(program, request);
  await kernel.attach(link, { device, hook: "xdp", program, mode: "native" });
  await kernel.switchLink(link, program, other);
  await kernel.writeMap(hash, packEntries([[Buffer.alloc(4), Buffer.alloc(8)]], 4, 8), noEntries(4, 8));
  await kernel.readMap(hash);
  await kernel.run(program, { packet: new Uint8Array(64), ifindex: 1, repeat: 2000 });
  await kernel.attached(device, "xdp");
  await kernel.attached(device, "tc-ingress");
  await kernel.pins(here.root);
  const failing = [
    kernel.switchLink(link, program, hash),
    kernel.switchLink(link, program, program),
    kernel.attach(link, { device, hook: "xdp", program, mode: "native" }),
    kernel.attach(`${here.root}/link2`, { device, hook: "xdp", program, mode: "auto" }),
    kernel.detach(program),
    kernel.load(`${here.root}/bad.name`, request),
    kernel.load(hash, request),
    kernel.load(`${here.root}/empty`, { ...request, maps: {} }),
    kernel.relocate({ object: lab.compile(refusedSource, "refused"), function: "careless", hook: "xdp", globals: {}, maps: {} }),
    kernel.relocate({ object, function: "limited", hook: "xdp", globals: { ".rodata": new Uint8Array(1) }, maps }),
    kernel.createMap(program, { name: "x", definition: mapDefinition, btf: null }),
    kernel.createMap(`${here.root}/bad.name`, { name: "x", definition: mapDefinition, btf: null }),
    kernel.createFrozenMap(hash, "x", Buffer.from("x")),
    kernel.createFrozenMap(`${here.root}/bad.name`, "x", Buffer.from("x")),
    kernel.readMap(program),
    kernel.run(program, { packet: new Uint8Array(1) }),
  ];
  const results = await Promise.allSettled(failing);
  const worked = results.flatMap(({ status }, index) => (status === "fulfilled" ? [index] : []));
  // Switching to the program that runs is no failure, nor is attaching again; here neither is so.
  if (worked.length > 1 || (worked.length === 1 && worked[0] !== 1)) throw new Error(`Calls ${worked.join(", ")} should have failed`);
  await kernel.detach(link);
  await kernel.unpin((await kernel.pins(here.root)).map(({ path }) => path));
}

const mapDefinition = { type: "hash", keySize: 4, valueSize: 4, maxEntries: 4, flags: 0, btfKey: 0, btfValue: 0, inner: null } as const;

/** What the fds of BPF of this process refer to. */
function bpfFds(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /bpf|btf/.test(target) ? [target] : [];
    } catch {
      return [];
    }
  });
}
