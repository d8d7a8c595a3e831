// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../bpf/package-root.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { station } from "../cli/station.ts";
import { writeFiles } from "./policy.ts";

const source = readFileSync(join(packageRoot(), "test/corpus/needs.bpf.c"), "utf8");

function policy(device: string, more: string): string {
  const step = (name: string) => `    - { name: needy, uses: ./objects/needs.bpf.o, function: ${name}${more} }\n`;
  const tc = step("classified").replace(/^/gm, "  ").replace(/ +$/, "");
  return `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n  chain:\n${step("legacy")}tc:\n  ingress:\n    chain:\n${tc}`;
}

kernelTest("old section names, a size from the policy, externs, weak symbols, an inner map, a pin of its own", async (t, lab) => {
  const host = await station(t, lab);
  const object = { "objects/needs.bpf.o": lab.compile(source, "needs") };
  writeFiles(host.folder, { ...object, "interfaces/lab.yaml": policy(host.device, ", maxEntries: { flows: 100 }") });

  const { exit, err } = await host.sluice("apply", "--yes");

  t.is(exit, 0, err);
  t.regex(err, /warning: Map "shared" asks to be pinned at \/sys\/fs\/bpf\/shared: ignored, because Sluice pins the maps of a step itself/);
  t.false(existsSync("/sys/fs/bpf/shared"));
  const pins = await lab.kernel.pins(lab.root);
  t.deepEqual(
    pins.flatMap((pin) => (pin.kind === "map" && pin.path.includes("/flows__") ? [pin.maxEntries] : [])),
    [100, 100],
  );
  const programs = pins.filter(({ kind, path }) => kind === "program" && path.endsWith("/program"));
  const verdicts: number[] = [];
  for (const { path } of programs) verdicts.push((await lab.kernel.run(path, { packet: ethernet({}, ipv4({}, udp({}))) })).verdict);
  t.deepEqual(verdicts, [-1, 2], "tc: next, xdp: pass");
});

kernelTest("a map without a size is an error of the policy, with what to write", async (t, lab) => {
  const host = await station(t, lab);
  const object = { "objects/needs.bpf.o": lab.compile(source, "needs") };
  writeFiles(host.folder, { ...object, "interfaces/lab.yaml": policy(host.device, "") });

  const missing = await host.sluice("apply", "--yes");
  writeFiles(host.folder, { "interfaces/lab.yaml": policy(host.device, ", maxEntries: { flow: 100 }") });
  const misspelt = await host.sluice("apply", "--yes");

  t.is(missing.exit, 3);
  t.regex(missing.err, /lab\.yaml:5:28: error: Map "flows" of "\.\/objects\/needs\.bpf\.o" leaves its size to whoever loads it/);
  t.regex(missing.err, /hint: add "maxEntries: \{ flows: 1024 \}"/);
  t.regex(misspelt.err, /Unknown map "flow": expected/);
  t.regex(misspelt.err, /hint: did you mean "flows"\?/);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});
