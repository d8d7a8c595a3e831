// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import type { Pin } from "../../../bpf/kernel/kernel.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { bareRepository } from "./bare-repository.ts";
import { dropsFrom, xdpPolicy } from "./policy.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8", "172.16.0.0/12");

/** What somebody does behind our back, and what `sluice drift` calls it. */
const tamperings: Readonly<Record<string, { readonly harm: (pins: readonly Pin[]) => void; readonly said: RegExp }>> = {
  "a key put into a set": {
    harm: (pins) =>
      bpftool("map", "update", "pinned", setOf(pins), "key", ...bytes("00000020c0000207"), "value", ...bytes("00".repeat(16))),
    said: /unexpected/,
  },
  "a link detached": { harm: (pins) => bpftool("link", "detach", "pinned", pathOf(pins, "/link")), said: /detached|missing|gone/ },
  "the pin of a link removed": { harm: (pins) => rmSync(pathOf(pins, "/link")), said: /missing/ },
  "another map in the place of a set": {
    harm: (pins) => replaceByOther(setOf(pins)),
    said: /changed .* chain /,
  },
  "another map in the place of a filter's state": {
    harm: (pins) => replaceByOther(partOf(pins, "/buckets__")),
    said: /changed .* chain /,
  },
  "another map in the place of the counters": {
    harm: (pins) => replaceByOther(partOf(pins, "/xdp/counters/")),
    said: /changed .* chain /,
  },
  "a map in the place of the link": { harm: (pins) => replaceByOther(pathOf(pins, "/link")), said: /missing/ },
  "a set frozen": { harm: (pins) => bpftool("map", "freeze", "pinned", setOf(pins)), said: /changed .* chain / },
  "the pin of the program removed": { harm: (pins) => rmSync(pathOf(pins, "/program")), said: /changed .* chain / },
};

for (const [what, { harm, said }] of Object.entries(tamperings)) {
  kernelTest(`sluice drift finds ${what}, --heal repairs it`, async (t, lab) => {
    const host = await station(t, lab);
    host.write("10.0.0.0/8");
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    harm(await lab.kernel.pins(lab.root));

    const found = await host.sluice("drift", "--detailed-exitcode");
    const healed = await host.sluice("drift", "--heal");
    const after = await host.sluice("drift", "--detailed-exitcode");

    t.is(found.exit, 2, found.out);
    t.regex(found.out, said);
    t.is(healed.exit, 0, healed.err);
    t.is(after.exit, 0, after.out);
    t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
  });
}

kernelTest("a list that somebody has frozen takes the next change", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  bpftool("map", "freeze", "pinned", setOf(await lab.kernel.pins(lab.root)));
  host.write("172.16.0.0/24");

  const applied = await host.sluice("apply", "--yes");
  host.write("198.51.100.0/24");
  const again = await host.sluice("apply", "--yes");

  t.is(applied.exit, 0, applied.err);
  t.is(again.exit, 0, again.err);
  t.regex(again.out, /Nothing was reloaded/);
});

kernelTest("the agent tells of drift without touching it, and with --heal brings it back", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
  const options = ["--repo", policy.path, "--poll", "1h", "--drift-interval", "1s"];
  const alerting = startAgent(t, host, options);
  await alerting.told("revision applied");
  bpftool("link", "detach", "pinned", pathOf(await lab.kernel.pins(lab.root), "/link"));
  const told = await alerting.told("drift found");
  await alerting.stop();
  const untouched = await lab.kernel.attached(host.device, "xdp");

  const healing = startAgent(t, host, [...options, "--heal"]);
  // A start begins with what was applied last.
  await healing.told("brought back to what was applied last");
  await healing.told("nothing to change");
  bpftool("link", "detach", "pinned", pathOf(await lab.kernel.pins(lab.root), "/link"));
  await healing.told("drift found");
  await healing.told("drift healed");

  t.like(told, { level: "warn", hook: `${host.device}/xdp` });
  t.deepEqual(untouched, []);
  t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
});

function bpftool(...words: readonly string[]): void {
  execFileSync("bpftool", words, { stdio: "pipe" });
}

/** Somebody puts a map of his own in the place of a pin. */
function replaceByOther(path: string): void {
  rmSync(path);
  bpftool("map", "create", path, "type", "hash", "key", "4", "value", "4", "entries", "4", "name", "other");
}

function bytes(hex: string): readonly string[] {
  return ["hex", ...(hex.match(/../g) ?? [])];
}

function pathOf(pins: readonly Pin[], end: string): string {
  return pins.find(({ path }) => path.endsWith(end))?.path ?? "";
}

/** The set of IPv4 prefixes. */
function setOf(pins: readonly Pin[]): string {
  return partOf(pins, "/bogons/prefixes4");
}

function partOf(pins: readonly Pin[], part: string): string {
  return pins.find(({ path }) => path.includes(part))?.path ?? "";
}
