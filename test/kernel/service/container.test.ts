// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import type { ExecutionContext } from "ava";
import { effectiveCapabilities } from "../../../bpf/kernel/capabilities.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab, Veth } from "../../lab/lab.ts";
import { type BareRepository, bareRepository } from "../acceptance/bare-repository.ts";
import { until, watchdogOf } from "../confirm/watchdogs.ts";
import { sshServer } from "../source/ssh-server.ts";
import { type ContainerHost, containerHost, documented, replaced } from "./container.ts";
import { passingSources, pushDrop } from "./two-sources.ts";

/** A host with one device, whose agent follows a repository by ssh. */
interface Site {
  readonly cable: Veth;
  readonly policy: BareRepository;
  readonly host: ContainerHost;
  /** Pushes a policy that drops what comes from a prefix. */
  drop(prefix: string): void;
  /** Which of two sources gets through. */
  passes(): Promise<readonly string[]>;
}

async function site(t: ExecutionContext, lab: Lab, ...config: readonly string[]): Promise<Site> {
  const cable = await lab.veth();
  const policy = bareRepository(t);
  const server = await sshServer(t);
  const agent = [
    "apiVersion: sluice/v1",
    "host: edge-03",
    `repo: ${server.url(policy.path)}`,
    "poll: { interval: 1h }",
    "credentials: { identityFile: /etc/sluice/id_ed25519, knownHostsFile: /etc/sluice/known_hosts }",
    ...config,
  ];
  const host = await containerHost(t, lab, {
    "agent.yaml": { text: `${agent.join("\n")}\n` },
    known_hosts: { text: `${server.knownHost}\n` },
    id_ed25519: { from: server.keys.deploy },
  });
  return {
    ...{ cable, policy, host },
    drop: (prefix) => pushDrop(policy, cable, prefix),
    passes: () => passingSources(lab, cable),
  };
}

const { start, startAsUser, prepareUser } = documented();
const ways = [
  { as: "as root without root's rights", lines: start, uid: 0 },
  { as: "as a user", lines: `${prepareUser}${startAsUser}`, uid: 64_023 },
] as const;

for (const { as, lines, uid } of ways) {
  kernelTest(
    `a container as the docs start it, ${as}: nothing is missing, pushes are applied, drift is heard, what filters stays`,
    async (t, lab) => {
      const it = await site(t, lab, "drift: { mode: heal, interval: 1h }");
      it.drop("10.0.0.0/8");
      const started = it.host.type(lines);
      t.is(started.exit, 0, started.err);
      await it.host.told("revision applied");
      const first = await it.passes();
      const status = it.host.status();
      const doctor = it.host.run("podman", "exec", "sluice", "sluice", "doctor");

      const map = (await lab.kernel.pins(lab.root)).find(({ path }) => path.includes("prefixes4"))?.path ?? "";
      const entry = ["key", ..."0x20 0 0 0 0xc0 0 2 7".split(" "), "value", ...Array<string>(16).fill("0")];
      execFileSync("bpftool", ["map", "update", "pinned", map, ...entry]);
      const found = await it.host.told("drift found");
      await it.host.told("drift healed");
      it.drop("172.16.0.0/12");
      it.host.run("podman", "kill", "--signal", "HUP", "sluice");
      await it.host.told("revision applied");
      const second = await it.passes();
      const removed = it.host.run("podman", "rm", "--force", "sluice");

      t.deepEqual(first, ["172.16.0.1"]);
      t.regex(doctor.out, /\nSluice works here\n$/);
      t.is(doctor.exit, 0, doctor.err);
      t.regex(status, new RegExp(`^Uid:\\s+${uid}\\s[\\s\\S]*^NoNewPrivs:\\s+1$[\\s\\S]*^Seccomp:\\s+2$`, "m"));
      t.deepEqual([...effectiveCapabilities(status)], ["net_admin", "perfmon", "bpf"]);
      t.like(found, { culprit: { call: "BPF_MAP_UPDATE_ELEM", command: "bpftool", uid: 0 } });
      t.deepEqual(second, ["10.0.0.1"]);
      t.is(removed.exit, 0, removed.err);
      t.is(it.host.run("podman", "ps", "--all", "--quiet").out, "");
      t.deepEqual(await it.passes(), ["10.0.0.1"]);
    },
  );
}

kernelTest(
  "in a container the watchdog takes a change back when the agent is stopped, and the container's next start does when both are killed",
  async (t, lab) => {
    const it = await site(t, lab, "confirm: { timeout: 60s, by: hand, heartbeat: 3s }");
    it.drop("10.0.0.0/8");
    const started = it.host.type(start);
    t.is(started.exit, 0, started.err);
    const { id } = await it.host.told("revision applied, to be confirmed");
    const confirmed = it.host.run("podman", "exec", "sluice", "sluice", "confirm", String(id));
    await it.host.told("revision confirmed");
    const push = async (prefix: string) => {
      it.drop(prefix);
      it.host.run("podman", "kill", "--signal", "HUP", "sluice");
      await it.host.told("revision applied, to be confirmed");
      return it.passes();
    };
    const first = await push("172.16.0.0/12");

    it.host.run("podman", "kill", "--signal", "STOP", "sluice");
    await until("the watchdog has rolled back", () => watchdogOf(it.host.state) === null);
    const back = await it.passes();
    it.host.run("podman", "kill", "--signal", "CONT", "sluice");
    await it.host.told("revision rolled back");
    const second = await push("0.0.0.0/0");
    // Not by podman, which takes that to mean that the container is not wanted any more.
    it.host.run("kill", "-KILL", String(it.host.agent()));
    await it.host.told("packets are filtered");

    t.is(confirmed.exit, 0, confirmed.err);
    t.deepEqual(first, ["10.0.0.1"]);
    t.deepEqual(back, ["172.16.0.1"]);
    t.deepEqual(second, []);
    t.deepEqual(await it.passes(), ["172.16.0.1"]);
  },
);

for (const capability of ["BPF", "NET_ADMIN", "PERFMON"]) {
  kernelTest(
    `in a container without CAP_${capability} doctor names it, and the agent applies nothing and says the same`,
    async (t, lab) => {
      const it = await site(t, lab);
      it.drop("10.0.0.0/8");
      const without = replaced(start, ` --cap-add ${capability}`, "");
      const inFront = replaced(replaced(without, " run -d --name sluice ", " run --rm "), " --restart always", "");

      const doctor = it.host.type(replaced(inFront, " agent --config /etc/sluice/agent.yaml", " doctor").replace(/^podman exec.*$/m, ""));
      it.host.type(without);
      const said = await it.host.told(capability === "PERFMON" ? "revision rolled back" : endsWithout(capability));

      t.is(doctor.exit, 1);
      t.regex(doctor.out, new RegExp(`^privileges {2}fail {2}CAP_${capability} missing$`, "m"));
      t.deepEqual(fixes(doctor.out), [`Start the container with --cap-add ${capability}`]);
      if (capability === "PERFMON") t.regex(JSON.stringify(said["error"]), /"hint":"this process has no CAP_PERFMON, /);
      t.deepEqual(await it.passes(), ["10.0.0.1", "172.16.0.1"]);
    },
  );
}

function endsWithout(capability: string): string {
  return `Error: Cannot use BPF: this process has no CAP_${capability}, and the kernel refuses to load a program: Operation not permitted (EPERM)`;
}

/** What doctor tells to do, each thing once. */
function fixes(doctor: string): readonly string[] {
  const list = /\nWhat to do\n([\s\S]*?)\n\n/.exec(doctor)?.[1] ?? "";
  return [...new Set(list.split("\n").map((line) => line.replace(/^ {2}\S+: /, "")))];
}
