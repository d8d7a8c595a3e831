// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { effectiveCapabilities } from "../../../bpf/kernel/capabilities.ts";
import { packageRoot } from "../../../bpf/package-root.ts";
import { libraryObject } from "../../../bpf/programs/library.ts";
import { policyReader } from "../../../reconciler/host.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab, type Veth } from "../../lab/lab.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { type BareRepository, bareRepository } from "../acceptance/bare-repository.ts";
import { json } from "../cli/station.ts";
import { until, watchdogOf } from "../confirm/watchdogs.ts";
import { sshServer } from "../source/ssh-server.ts";
import { boot, type Disk, type Machine, unit, userId } from "./machine.ts";
import { passingSources, pushDrop } from "./two-sources.ts";

/** A host with one device, and the repository that it follows. */
interface Site {
  readonly cable: Veth;
  readonly policy: BareRepository;
  readonly disk: Disk;
  /** Pushes a policy that drops what comes from a prefix. */
  drop(prefix: string): void;
  on(...config: readonly string[]): Promise<Machine>;
  /** Which of two sources gets through. */
  passes(): Promise<readonly string[]>;
}

async function site(t: ExecutionContext, lab: Lab): Promise<Site> {
  const cable = await lab.veth();
  const policy = bareRepository(t);
  const disk = { state: temporaryFolder(t), srv: dirname(policy.path) };
  return {
    ...{ cable, policy, disk },
    drop: (prefix) => pushDrop(policy, cable, prefix),
    on: (...config) => boot(t, lab, disk, ["repo: /srv/policy.git", ...config]),
    passes: () => passingSources(lab, cable),
  };
}

const confirmed = "confirm: { timeout: 60s, bake: 100ms, every: 100ms }";
const unconfirmed = "confirm: { timeout: 60s, bake: 50s }";

kernelTest(
  "under the unit the agent is a user with three capabilities: it applies, hears who changes something, heals and reloads",
  async (t, lab) => {
    const it = await site(t, lab);
    it.drop("10.0.0.0/8");
    const machine = await it.on("poll: { interval: 1h }", "drift: { mode: heal, interval: 1h }");
    await machine.told("revision applied");
    const first = await it.passes();
    const status = statusOf(machine.agent());
    const copied = machine.run("ls", "/run/sluice/events/syscalls").out.trim().split("\n");

    const map = (await lab.kernel.pins(lab.root)).find(({ path }) => path.includes("prefixes4"))?.path ?? "";
    execFileSync("bpftool", [
      "map",
      "update",
      "pinned",
      map,
      "key",
      ..."0x20 0 0 0 0xc0 0 2 7".split(" "),
      "value",
      ...Array<string>(16).fill("0"),
    ]);
    const found = await machine.told("drift found");
    await machine.told("drift healed");
    execFileSync("rm", ["-r", lab.root]);
    const gone = await machine.told("drift found");
    await machine.told("drift healed");
    it.drop("172.16.0.0/12");
    const reload = machine.run("systemctl", "reload", "sluice");
    await machine.told("revision applied");

    t.deepEqual(first, ["172.16.0.1"]);
    t.like(status, { Uid: userId, Gid: userId, NoNewPrivs: 1, Seccomp: 2 });
    t.deepEqual(capabilitiesOf(status), ["net_admin", "perfmon", "bpf"]);
    t.like(found, { culprit: { call: "BPF_MAP_UPDATE_ELEM", command: "bpftool", uid: 0 } });
    t.like(gone, { class: "missing", culprit: { call: "unlink", command: "rm", uid: 0 } });
    t.is(reload.exit, 0, reload.err);
    const listened = policyReader.openObject(libraryObject("tripwire.bpf.o")).programs.map(({ name }) => `sys_${name}`);
    t.deepEqual(
      listened.filter((name) => !copied.includes(name)),
      [],
    );
    t.deepEqual(await it.passes(), ["10.0.0.1"]);
    t.deepEqual(modes(it.disk, lab), { state: "0700", socket: "0660", pins: "0700", owners: [userId] });
  },
);

kernelTest("after a reboot without git the network waits for what was confirmed last, never for what was not", async (t, lab) => {
  const it = await site(t, lab);
  it.drop("10.0.0.0/8");
  const before = await it.on(confirmed);
  await before.told("revision confirmed");
  await before.off();
  const trying = await it.on(unconfirmed);
  await trying.told("packets are filtered");
  it.drop("172.16.0.0/12");
  await trying.told("revision applied, to be confirmed");
  const candidate = await it.passes();

  await trying.off();
  execFileSync("rm", ["-r", lab.root]);
  // The kernel lets go of a link a moment after its last pin.
  await until("nothing filters", async () => (await it.passes()).length === 2);
  renameSync(it.policy.path, `${it.policy.path}.away`);
  const after = await it.on(confirmed);
  const network = after.run("cat", "/mnt/network").out;
  const filtered = await after.told("packets are filtered");
  await after.told("source fails, the host keeps what it has");

  t.deepEqual(candidate, ["10.0.0.1"]);
  t.regex(network, new RegExp(`${it.cable.inside}@\\S+ .* xdp`));
  t.deepEqual(await it.passes(), ["172.16.0.1"]);
  t.log(`filtered ${String(filtered["milliseconds"])} ms after the start of the process`);
  const status = json(after.run("sluice", "status", "--json"));
  t.like(status, { agent: { status: { filteredAfter: filtered["milliseconds"] } } });
});

kernelTest("under the unit probes hold, and the watchdog outlives an agent that is killed, and takes its change back", async (t, lab) => {
  const it = await site(t, lab);
  it.drop("10.0.0.0/8");
  ip("link set lo up");
  writeFileSync("/proc/sys/net/ipv4/ping_group_range", `${userId} ${userId}`);
  const sandboxed = `[sh, -c, "test $(id -u) = ${userId} && ! touch /etc/sluice/new && ! ls /root && touch /tmp/new"]`;
  const probes = `probes: [{ ping: 127.0.0.1 }, { git: true }, { command: ${sandboxed} }]`;
  const machine = await it.on("poll: { interval: 1s }", `confirm: { timeout: 60s, bake: 2s, every: 100ms, ${probes} }`);
  await machine.told("revision confirmed");
  it.drop("172.16.0.0/12");
  await machine.told("revision applied, to be confirmed");
  const candidate = await it.passes();
  const watchdog = statusOf(watchdogOf(join(it.disk.state, "sluice")) ?? 0);

  process.kill(machine.agent(), "SIGKILL");
  await until("the watchdog has rolled back", async () => watchdogOf(join(it.disk.state, "sluice")) === null);

  t.deepEqual(candidate, ["10.0.0.1"]);
  t.like(watchdog, { Uid: userId, NoNewPrivs: 1, Seccomp: 2 });
  t.deepEqual(capabilitiesOf(watchdog), ["net_admin", "perfmon", "bpf"]);
  t.deepEqual(await it.passes(), ["172.16.0.1"]);
});

kernelTest("what root does by hand is the agent's: what was applied before there was a service, a rollback, an apply", async (t, lab) => {
  const it = await site(t, lab);
  it.drop("10.0.0.0/8");
  const host = ["--host", "edge-03", "--state", join(it.disk.state, "sluice"), "--bpffs", lab.root];
  const early = await runSluice(["apply", "--yes", "--repo", it.policy.path, ...host]);
  const machine = await it.on("poll: { interval: 1h }");
  await machine.told("packets are filtered");
  await machine.told("nothing to change");
  it.drop("172.16.0.0/12");
  machine.run("systemctl", "reload", "sluice");
  await machine.told("revision applied");

  const doctor = machine.run("sluice", "doctor");
  const back = machine.run("sluice", "rollback", "--yes");
  const after = await it.passes();
  const trace = machine.run("sluice", "trace", `${it.cable.inside}/xdp`, "ip src 10.0.0.1/udp");
  const applied = machine.run("sluice", "apply", "--repo", "/srv/policy.git", "--yes");
  machine.run("systemctl", "restart", "sluice");
  await machine.told("packets are filtered");

  t.is(early.exit, 0, early.err);
  t.is(doctor.exit, 0, doctor.out);
  t.is(back.exit, 0, back.err);
  t.deepEqual(after, ["172.16.0.1"]);
  t.is(trace.exit, 0, trace.err);
  t.is(applied.exit, 0, applied.err);
  t.deepEqual(await it.passes(), ["10.0.0.1"]);
  t.deepEqual(modes(it.disk, lab).owners, [userId]);
});

kernelTest(
  "a repository by ssh, whose key the service has from systemd as the docs say, and nobody else: a push is applied",
  async (t, lab) => {
    const it = await site(t, lab);
    const server = await sshServer(t);
    const page = readFileSync(join(packageRoot(), "docs/operations.md"), "utf8");
    const [, dropIn = ""] = /^```ini\n(\[Service\]\nLoadCredential=[\s\S]*?)^```$/m.exec(page) ?? [];
    const [, kept = ""] = /^LoadCredential=id_ed25519:\/etc\/(\S+)$/m.exec(dropIn) ?? [];
    const [, copy = ""] = /`identityFile: (\/run\/credentials\/[^`]+)`/.exec(page) ?? [];
    it.drop("10.0.0.0/8");
    const machine = await boot(
      t,
      lab,
      it.disk,
      [
        `repo: ${server.url(it.policy.path)}`,
        "poll: { interval: 1h }",
        `credentials: { identityFile: ${copy}, knownHostsFile: /etc/sluice/known_hosts }`,
      ],
      {
        "systemd/system/sluice.service.d/override.conf": dropIn,
        [kept]: readFileSync(server.keys.deploy, "utf8"),
        "sluice/known_hosts": `${server.knownHost}\n`,
      },
    );
    await machine.told("revision applied");
    const first = await it.passes();
    it.drop("172.16.0.0/12");
    const reload = machine.run("systemctl", "reload", "sluice");
    await machine.told("revision applied");

    const reads = (user: string, path: string) =>
      machine.run("setpriv", `--reuid=${user}`, "--clear-groups", "head", "-c1", path).exit === 0;
    t.deepEqual(first, ["172.16.0.1"]);
    t.is(reload.exit, 0, reload.err);
    t.deepEqual(await it.passes(), ["10.0.0.1"]);
    t.deepEqual(
      ["sluice", "nobody"].map((user) => ({ user, kept: reads(user, `/etc/${kept}`), copy: reads(user, copy) })),
      [
        { user: "sluice", kept: false, copy: true },
        { user: "nobody", kept: false, copy: false },
      ],
    );
  },
);

kernelTest("docs/operations.md has the score that systemd-analyze gives the unit", async (t) => {
  const analyze = ["security", "--offline=true", "--no-pager", unit];
  const said = execFileSync("systemd-analyze", analyze, { encoding: "utf8" });
  const score = /Overall exposure level for sluice\.service: ([\d.]+)/.exec(said)?.[1];
  const page = readFileSync(join(packageRoot(), "docs/operations.md"), "utf8");

  t.regex(score ?? "", /^\d\.\d$/);
  t.true(page.includes(`exposure ${score} of 10`), `the score is ${score}`);
});

/** Numbers of /proc/<pid>/status; of lists the first. */
function statusOf(pid: number): Readonly<Record<string, number | string>> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", first = ""] = line.split(/:?\s+/);
      return [name, name.startsWith("Cap") ? first : Number(first)];
    }),
  );
}

function capabilitiesOf(status: Readonly<Record<string, number | string>>): readonly string[] {
  return [...effectiveCapabilities(`CapEff:\t${String(status["CapEff"])}\n`)];
}

function modes({ state }: Disk, lab: Lab) {
  const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8).padStart(4, "0");
  const files = execFileSync("find", [join(state, "sluice"), lab.root, "-printf", "%U\\n"], { encoding: "utf8" })
    .trim()
    .split("\n");
  const own = join(state, "sluice");
  return { state: mode(own), socket: mode(join(own, "agent.sock")), pins: mode(lab.root), owners: [...new Set(files.map(Number))] };
}
