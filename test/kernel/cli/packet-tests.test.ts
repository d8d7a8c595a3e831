// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageRoot } from "../../../bpf/package-root.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { json, type Station, station } from "./station.ts";

/** The policy of a station drops 10.0.0.0/8 in "bogons" and limits to 1000 packets per second of a source in "limit". */
function writeTests({ folder }: Station, text: string): void {
  mkdirSync(join(folder, "tests"), { recursive: true });
  writeFileSync(join(folder, "tests", "lab.yaml"), text);
}

const passing = (hook: string) => `apiVersion: sluice/v1
host: edge-03
tests:
  - name: bogons are dropped, tagged or not
    hook: ${hook}
    packets:
      - { packet: ip src 10.1.2.3/udp dport 53, verdict: drop, step: bogons, output: unchanged }
      - { packet: vlan id 7/ip src 10.1.2.3/tcp, times: 3, verdict: drop }
      - { packet: ip src 192.0.2.9/tcp, verdict: pass, step: end }
    counters: { bogons: { drop: 4, pass: 1 }, limit: { pass: 1 } }
  - name: every test starts with a chain that has counted nothing
    hook: ${hook}
    packets:
      - { hex: "02 00 00 00 00 02 02 00 00 00 00 01 88b5 0000", verdict: pass }
    counters: { bogons: { drop: 0 } }
`;

kernelTest("sluice test runs packets through a chain that is attached nowhere, and leaves nothing", async (t, lab) => {
  const one = await station(t, lab);
  const hook = `${one.device}/xdp`;
  one.write("10.0.0.0/8");
  writeTests(one, passing(hook));

  const run = await one.sluice("test");

  t.is(run.exit, 0, run.err);
  t.is(
    run.out,
    [
      "tests/lab.yaml",
      "  ✔ bogons are dropped, tagged or not  5 packets",
      "  ✔ every test starts with a chain that has counted nothing  1 packet",
      "",
      "2 passed, 0 failed",
      "",
    ].join("\n"),
  );
  t.deepEqual(await lab.kernel.pins(dirname(lab.root)), []);
  t.deepEqual(await lab.kernel.attached(one.device, "xdp"), []);
});

const failing = (hook: string) => `apiVersion: sluice/v1
tests:
  - name: "<b> & co"
    hook: ${hook}
    packets:
      - { packet: ip src 10.1.2.3/udp dport 53, verdict: drop }
      - { packet: ip src 10.9.9.9/udp dport 53, verdict: pass, step: end }
  - name: counts
    hook: ${hook}
    packets: [{ packet: ip src 10.1.2.3/udp, times: 2, output: ip src 10.1.2.4/udp }]
  - name: counters
    hook: ${hook}
    packets: [{ packet: ip src 10.1.2.3/udp, times: 2 }]
    counters: { bogons: { drop: 3 } }
`;

kernelTest("a test that fails says what was expected, what was, and where it is written, in each format", async (t, lab) => {
  const one = await station(t, lab);
  const hook = `${one.device}/xdp`;
  one.write("10.0.0.0/8");
  writeTests(one, failing(hook));

  const text = await one.sluice("test");
  t.is(text.exit, 1);
  t.true(text.out.includes("IP 10.9.9.9.40000 > 198.51.100.1.53: UDP, length 60"), text.out);
  t.regex(text.out, /verdict {3}expected pass, was drop {2}tests\/lab.yaml:7\n {6}step {6}expected end, was bogons/);
  t.regex(text.out, /output {4}expected 60 bytes, at 24: \w{4}0a01 0204\w{4} \w{8}, was 60 bytes, at 24: \w{4}0a01 0203\w{4} \w{8}/);
  t.regex(text.out, /counter bogons drop {2}expected 3, was 2 {2}tests\/lab.yaml:14/);
  t.regex(text.out, /\n0 passed, 3 failed\nNo packet reaches step "limit" of /);

  const tap = await one.sluice("test", "--tap");
  t.is(tap.exit, 1);
  t.regex(tap.out, /^TAP version 14\n1\.\.3\nnot ok 1 - tests\/lab\.yaml: <b> & co\n {2}---\n/);
  const junit = await one.sluice("test", "--junit");
  t.regex(junit.out, /<testsuites name="sluice" tests="3" failures="3" time="[\d.]+">/);
  t.true(junit.out.includes('name="&lt;b&gt; &amp; co"'));
  t.like(json(await one.sluice("test", "--json")), { kind: "tests", summary: { passed: 0, failed: 3 } });
});

for (const [policy, tests] of [
  ["edge", 10],
  ["edge-ddos", 6],
  ["web-server", 5],
  ["l3af-parity", 6],
] as const) {
  kernelTest(`the tests of policies/${policy} pass, whatever this host is called`, async (t, lab) => {
    const { sluice } = await station(t, lab);
    const run = await sluice("test", "--dir", join(packageRoot(), "policies", policy));
    t.is(run.exit, 0, run.out);
    t.regex(run.out, new RegExp(`\\n${tests} passed, 0 failed\\n$`));
  });
}

kernelTest("a policy whose tests fail is not applied, and what ran goes on running", async (t, lab) => {
  const one = await station(t, lab);
  const hook = `${one.device}/xdp`;
  one.write("10.0.0.0/8");
  writeTests(one, passing(hook));
  t.like(await one.sluice("apply", "--yes"), { exit: 0 });
  const before = await lab.kernel.attached(one.device, "xdp");
  const pins = await lab.kernel.pins(lab.root);

  one.write("172.16.0.0/12");
  const refused = await one.sluice("apply", "--yes");

  t.is(refused.exit, 5, refused.out);
  t.true(
    refused.err.includes(
      'Test "bogons are dropped, tagged or not" fails at tests/lab.yaml:7: verdict expected drop, was pass (IP 10.1.2.3.40000 > 198.51.100.1.53: UDP, length 60)',
    ),
    refused.err,
  );
  t.deepEqual(await lab.kernel.attached(one.device, "xdp"), before);
  t.deepEqual(await lab.kernel.pins(lab.root), pins);
});
