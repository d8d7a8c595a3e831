// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { station } from "../cli/station.ts";
import { dropsFrom, limitsTo, own, tallyObject, writeFiles, xdpPolicy } from "./policy.ts";
import { loads, mutations, traced } from "./traced.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8");
const limit = limitsTo("limit", 1000);

kernelTest("a commit that changes a comment is not one mutating bpf command", async (t, lab) => {
  const host = await station(t, lab);
  const policy = xdpPolicy(host.device, [bogons, limit]);
  writeFiles(host.folder, { "interfaces/a.yaml": policy });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  writeFiles(host.folder, { "interfaces/a.yaml": `# ticket 1432\n${policy}` });
  const plan = await traced(t, host, "plan");
  const apply = await traced(t, host, "apply", "--yes");

  t.is(apply.exit, 0, apply.err);
  t.true(apply.calls.length > 10);
  t.deepEqual(mutations(plan.calls), []);
  t.deepEqual(mutations(apply.calls), []);
});

kernelTest("a commit that changes one map value is one map write", async (t, lab) => {
  const host = await station(t, lab);
  const tally = tallyObject(lab);
  const write = (value: number) =>
    writeFiles(host.folder, {
      "objects/tally.bpf.o": tally,
      "interfaces/a.yaml": xdpPolicy(host.device, [own("tally", "tally", tally, `      maps: { seen: { 7: ${value} } }\n`), bogons]),
    });
  write(100);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  write(200);
  const apply = await traced(t, host, "apply", "--yes");

  t.is(apply.exit, 0, apply.err);
  t.is(mutations(apply.calls).length, 1, mutations(apply.calls).join("\n"));
  t.regex(mutations(apply.calls)[0] ?? "", new RegExp(`^BPF_MAP_UPDATE_ELEM ${host.device}/xdp/steps/tally/seen`));
});

kernelTest("a commit that adds hundreds of sources to a set is one map write", async (t, lab) => {
  const host = await station(t, lab);
  const write = (count: number) => {
    const sources = Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
    writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", ...sources)]) });
  };
  write(500);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  write(800);
  const apply = await traced(t, host, "apply", "--yes");

  t.is(apply.exit, 0, apply.err);
  t.is(mutations(apply.calls).length, 1, mutations(apply.calls).join("\n"));
  t.regex(mutations(apply.calls)[0] ?? "", new RegExp(`^BPF_MAP_UPDATE_BATCH ${host.device}/xdp/steps/bogons/`));
});

kernelTest("a commit that only reorders is one load and one link update; going back is one link update", async (t, lab) => {
  const host = await station(t, lab);
  const name = `sl_${host.device}_xdp`;
  writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, [bogons, limit]) });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, [limit, bogons]) });
  const apply = await traced(t, host, "apply", "--yes");
  const rollback = await traced(t, host, "rollback", "--yes");
  writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, [limit, bogons]) });
  const again = await traced(t, host, "apply", "--yes");

  t.is(apply.exit, 0, apply.err);
  t.deepEqual(loads(apply.calls), [name]);
  const pinned = mutations(apply.calls).filter((call) => call.includes("/"));
  t.deepEqual(
    pinned.map((call) => call.replace(/[0-9a-f]{16}/, "ID")),
    [
      `BPF_OBJ_PIN ${host.device}/xdp/gen/ID/program`,
      `BPF_OBJ_PIN ${host.device}/xdp/gen/ID/manifest`,
      `BPF_LINK_UPDATE ${host.device}/xdp/link`,
    ],
  );
  t.is(rollback.exit, 0, rollback.err);
  t.deepEqual(mutations(rollback.calls), [`BPF_LINK_UPDATE ${host.device}/xdp/link`]);
  t.is(again.exit, 0, again.err);
  t.deepEqual(mutations(again.calls), [`BPF_LINK_UPDATE ${host.device}/xdp/link`]);
});

kernelTest("a commit that touches one interface does nothing to the others", async (t, lab) => {
  const host = await station(t, lab);
  const { inside: other } = await lab.veth();
  writeFiles(host.folder, {
    "interfaces/a.yaml": xdpPolicy(host.device, [bogons, limit]),
    "interfaces/b.yaml": xdpPolicy(other, [bogons, limit]),
  });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  writeFiles(host.folder, { "interfaces/b.yaml": xdpPolicy(other, [limitsTo("limit", 5), dropsFrom("bogons", "172.16.0.0/12")]) });
  const apply = await traced(t, host, "apply", "--yes");

  t.is(apply.exit, 0, apply.err);
  t.deepEqual(new Set(loads(apply.calls).filter((name) => name.startsWith("sl_"))), new Set([`sl_${other}_xdp`]));
  const pinned = mutations(apply.calls).filter((call) => call.includes("/"));
  t.true(pinned.includes(`BPF_LINK_UPDATE ${other}/xdp/link`));
  t.deepEqual(
    pinned.filter((call) => !call.includes(` ${other}/`)),
    [],
  );
});
