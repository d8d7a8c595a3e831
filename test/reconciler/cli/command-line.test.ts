// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { exitCodeMeanings } from "../../../reconciler/cli/exit-codes.ts";
import { temporaryFolder } from "../temporary.ts";
import { main, runSluice } from "./run-sluice.ts";

/** The built `sluice`, as a user without root would meet it: nothing here touches a kernel. */
const verbs = "plan apply rollback agent uninstall status inspect drift history validate snapshot doctor version".split(" ");

const good = `apiVersion: sluice/v1
interface: eth0
xdp:
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ src: [10.0.0.0/8], action: drop }] }
`;

function policy(t: ExecutionContext, text: string): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "interfaces"));
  writeFileSync(join(folder, "interfaces", "eth0.yaml"), text);
  return folder;
}

/** What `sluice snapshot` writes on a host that has an eth0 and nothing of Sluice. */
function snapshot(t: ExecutionContext): string {
  const file = join(temporaryFolder(t), "snapshot.json");
  const observed = { devices: [{ name: "eth0", ifindex: 2 }], hooks: [], unknown: [], applied: null };
  const taken = { host: "edge-03", taken: "2026-11-20T10:00:00.000Z", bpffs: "/sys/fs/bpf/sluice", observed };
  writeFileSync(file, JSON.stringify({ format: "1.0", kind: "snapshot", ...taken }));
  return file;
}

test("sluice --help teaches: every verb, examples, every exit code", async (t) => {
  const { exit, out, err } = await runSluice(["--help"]);

  t.is(exit, 0);
  t.is(err, "");
  for (const verb of verbs) t.regex(out, new RegExp(`^  ${verb} `, "m"));
  t.true(out.includes("\nExamples:\n"));
  for (const [code, meaning] of exitCodeMeanings) t.true(out.includes(`${String(code).padStart(5)}  ${meaning}\n`));
});

for (const verb of verbs) {
  test(`sluice ${verb} --help has an example`, async (t) => {
    const { exit, out } = await runSluice([verb, "--help"]);

    t.is(exit, 0);
    t.regex(out, new RegExp(`^Usage: sluice ${verb} `));
    t.regex(out, /\nExamples:\n {2}\S/);
  });
}

const misused = test.macro<[readonly string[], string]>({
  title: (_, args) => `sluice ${args.join(" ")} is a wrong command line`,
  async exec(t, args, expected) {
    const { exit, out, err } = await runSluice(args);

    t.is(exit, 3);
    t.is(out, "");
    t.true(err.startsWith(expected), err);
  },
});
test(misused, [], "Usage: sluice VERB [options]");
test(misused, ["pln"], 'Error: Unknown command "pln"\n(Did you mean plan?)\n');
test(misused, ["plan", "--jsno"], 'Error: Unknown option "--jsno"\n(Did you mean --json?)\n');
test(misused, ["plan", "--dir", "a", "--repo", "b"], 'Error: Option "--dir <folder>" cannot be used with option "--repo <url>"\n');
test(misused, ["plan", "--markdown", "--json"], 'Error: Option "--markdown" cannot be used with option "--json"\n');
test(misused, ["plan", "--tag", "v1"], 'Error: Option "--tag" needs a repository\n  hint: Name one with --repo URL\n');
test(misused, ["history", "--limit", "x"], 'Error: Option "--limit <number>" argument "x" is invalid. Expected a whole number from 1\n');
test(misused, ["status", "extra"], 'Error: Too many arguments for "status"');
test(misused, ["apply"], "Error: Cannot ask for approval: this is no terminal\n  hint: Give --yes to apply without asking\n");
test(misused, ["rollback"], "Error: Cannot ask for approval: this is no terminal\n");
test(misused, ["uninstall"], "Error: Cannot ask for approval: this is no terminal\n");
test(misused, ["agent"], "Error: Cannot start the agent: it has no policy repository\n");
test(misused, ["agent", "--config", "/nowhere.yaml"], 'Error: Cannot read "/nowhere.yaml": ENOENT');
test(misused, ["apply", "x.plan", "--yes", "--dir", "."], "Error: Cannot combine a saved plan with a policy");
test(misused, ["apply", "/nowhere.plan", "--yes"], 'Error: Cannot read "/nowhere.plan": ENOENT');

test("sluice version prints one line, or JSON", async (t) => {
  const plain = await runSluice(["version"]);
  const json = await runSluice(["version", "--json"]);

  t.regex(plain.out, /^sluice \d+\.\d+\.\d+\n$/);
  t.like(JSON.parse(json.out), { format: "1.0", kind: "version", node: process.versions.node });
});

test("sluice validate accepts a policy, and says what is in it for which host", async (t) => {
  const folder = policy(t, good);

  const plain = await runSluice(["validate", "--dir", folder, "--host", "edge-03"]);
  const json = await runSluice(["validate", "--json", "--host", "edge-03"], { cwd: folder });

  t.deepEqual(plain, { exit: 0, out: `Valid: dir:${folder} 1 chain with 1 step for host edge-03\n`, err: "" });
  t.like(JSON.parse(json.out), { format: "1.0", valid: true, host: "edge-03", chains: 1, steps: 1, diagnostics: [] });
});

test("sluice validate tells all errors at once, with places, and ends with 3", async (t) => {
  const folder = policy(t, good.replace("xdp:", "xpd:").replace("sluice/v1", "sluice/v9"));

  const plain = await runSluice(["validate", "--dir", folder]);
  const json = await runSluice(["validate", "--dir", folder, "--json"]);

  t.is(plain.exit, 3);
  t.is(plain.out, "");
  t.regex(plain.err, /interfaces\/eth0\.yaml:1:13: /);
  t.regex(plain.err, /interfaces\/eth0\.yaml:3:1: [^\n]*"xpd"/);
  t.is(json.exit, 3);
  t.like(JSON.parse(json.out), { format: "1.0", valid: false });
});

test("sluice validate of a folder that is not there ends with 4", async (t) => {
  const { exit, err } = await runSluice(["validate", "--dir", "/nowhere/at/all"]);

  t.is(exit, 4);
  t.true(err.startsWith('Error: Cannot read "/nowhere/at/all": ENOENT'), err);
});

test("sluice plan --snapshot plans for another host, without kernel and without root", async (t) => {
  const args = ["plan", "--dir", policy(t, good), "--snapshot", snapshot(t)];

  const plain = await runSluice(args);
  const detailed = await runSluice([...args, "--detailed-exitcode"]);
  const json = await runSluice([...args, "--json"]);
  const markdown = await runSluice([...args, "--markdown"]);

  t.is(plain.exit, 0, plain.err);
  t.regex(plain.out, /^edge-03 .*\n\neth0 \/ xdp +new chain/);
  t.is(detailed.exit, 2);
  t.like(JSON.parse(json.out), { format: "1.0", host: "edge-03" });
  t.true(markdown.out.startsWith("<!--"));
});

test("sluice plan says a progress-free, colour-free result on a pipe, and colours when told to", async (t) => {
  const args = ["plan", "--dir", policy(t, good), "--snapshot", snapshot(t)];

  const plain = await runSluice(args);
  const forced = await runSluice(args, { env: { FORCE_COLOR: "1" } });
  const refused = await runSluice([...args, "--no-color"], { env: { FORCE_COLOR: "1" } });

  t.false(plain.out.includes("\x1b"));
  t.is(plain.err, "");
  t.true(forced.out.includes("\x1b["));
  t.false(refused.out.includes("\x1b"));
});

test("sluice plan refuses to plan with a snapshot that is none", async (t) => {
  const folder = policy(t, good);

  const { exit, err } = await runSluice(["plan", "--dir", folder, "--snapshot", join(folder, "interfaces", "eth0.yaml")]);

  t.is(exit, 3);
  t.regex(err, /^Error: Cannot use ".*": it is not a snapshot of Sluice\n {2}hint: Make one with sluice snapshot --out FILE\n$/);
});

test("sluice plan --json gives errors as JSON too", async (t) => {
  const { exit, out, err } = await runSluice(["plan", "--dir", "/nowhere/at/all", "--json"]);

  t.is(exit, 4);
  t.like(JSON.parse(out), { format: "1.0", kind: "error", exit: 4 });
  t.true(err.startsWith("Error: "));
});

test("sluice plan shows control characters of a policy instead of sending them", async (t) => {
  const folder = policy(t, good.replace("eth0", '"e\\x1b[31mth0"'));

  const { out, err } = await runSluice(["plan", "--dir", folder, "--snapshot", snapshot(t)]);

  t.false(`${out}${err}`.includes("\x1b"));
});

test("sluice history of a host that has none", async (t) => {
  const state = temporaryFolder(t);

  const plain = await runSluice(["history", "--state", state]);
  const json = await runSluice(["history", "--state", state, "--json", "--host", "edge-03"]);

  t.deepEqual(plain, { exit: 0, out: "Nothing has been applied on this host yet\n", err: "" });
  t.deepEqual(JSON.parse(json.out), { format: "1.0", kind: "history", host: "edge-03", entries: [] });
});

test("sluice doctor judges this machine, root or not", async (t) => {
  const { exit, out } = await runSluice(["doctor", "--json", "--state", temporaryFolder(t)]);

  const answer = JSON.parse(out) as { format: string; works: boolean; checks: { name: string; status: string; fix: string | null }[] };
  t.is(answer.format, "1.0");
  t.is(exit, answer.works ? 0 : 1);
  for (const name of ["node", "kernel", "libbpf", "privileges", "xdp", "bpffs", "git", "state"])
    t.true(answer.checks.some((check) => check.name === name));
  t.true(answer.checks.every((check) => check.status === "ok" || check.fix !== null));
});

test("without root, what needs the kernel says so, and what does not works", async (t) => {
  const unprivileged = { ...(process.getuid?.() === 0 ? { uid: 65_534 } : {}), env: { HOME: "/" } };

  const status = await runSluice(["status"], unprivileged);
  const doctor = await runSluice(["doctor"], unprivileged);
  const version = await runSluice(["version"], unprivileged);

  t.is(status.exit, 1);
  t.regex(
    status.err,
    /^Error: Cannot use BPF: this process has no CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, .*\n {2}hint: ask "sluice doctor"\n$/,
  );
  t.is(doctor.exit, 1);
  t.true(doctor.out.includes("Run as root (sudo sluice doctor), or give a service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON"));
  t.is(version.exit, 0);
});

test("a reader that goes away early does no harm", async (t) => {
  const child = spawn(process.execPath, [main, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  const err: string[] = [];
  child.stderr.on("data", (part: Buffer) => err.push(part.toString()));
  child.stdout.destroy();

  const exit = await new Promise((resolve) => child.on("close", resolve));

  t.is(exit, 0);
  t.deepEqual(err, []);
});
