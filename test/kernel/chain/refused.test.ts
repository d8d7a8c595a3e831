// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { packageRoot } from "../../../bpf/package-root.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "../acceptance/policy.ts";
import { json, station } from "../cli/station.ts";
import { lists } from "./list-in-map.ts";

const source = readFileSync(join(packageRoot(), "test/corpus/refused.bpf.c"), "utf8");

/** What people are told of each program of the file. */
const meanings: ReadonlyArray<readonly [string, RegExp]> = [
  ["packet", /compare the end of the access with data_end/],
  ["loop", /a loop of which the verifier sees no end|follows every way/],
  ["maybe_null", /compare it with NULL/],
  ["number", /uses a number as a pointer/],
  ["outside", /bound the index first/],
  ["gpl_only", /under the GPL/],
  ["helper", /has no such helper/],
  ["reference", /must give back/],
  ["context", /a field of the context/],
  ["stack", /the stack is 512 bytes/],
];

kernelTest("what the verifier refuses is explained, with the source around it", async (t, lab) => {
  const object = lab.compile(source, "refused");
  const maps: Record<string, string> = {};
  for (const map of openObject(object).maps.filter(({ role }) => role === "map")) {
    maps[map.name] = `${lab.root}/${map.name}`;
    await lab.kernel.createMap(`${lab.root}/${map.name}`, { name: "sl_refused", definition: map.definition, btf: openObject(object).btf });
  }
  for (const [name, meaning] of meanings) {
    const error = await t.throwsAsync<KernelError>(
      lab.kernel.relocate({ object, function: name, hook: "xdp", globals: {}, maps }),
      undefined,
      name,
    );

    t.regex(error.refusal?.explanation ?? "", meaning, error.message);
    const shown = error.refusal?.source;
    if (shown === null || shown === undefined) continue;
    t.is(shown.file, "refused.bpf.c");
    for (const { number, text } of shown.lines) t.is(text, source.split("\n")[number - 1] ?? "", `${name}, line ${number}`);
    t.true(shown.lines.some(({ number }) => number === shown.line));
  }
});

kernelTest("a step that the verifier refuses: the step, its line, the source with the lines around, what it means", async (t, lab) => {
  const host = await station(t, lab);
  const step = "    - { name: guard, uses: ./objects/refused.bpf.o, function: packet }\n";
  writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, [step]) });
  writeFiles(host.folder, { "objects/refused.bpf.o": lab.compile(source, "refused") });

  const { exit, err } = await host.sluice("apply", "--yes");

  t.is(exit, 6, err);
  t.regex(
    err,
    /Cannot load step "guard" of \S+ \(interfaces\/lab\.yaml:\d+\): the verifier refused it at instruction \d+ \(refused\.bpf\.c:26\): invalid access/,
  );
  t.regex(err, /\n {2}> {3}26 │ +if \(data\[40\] == 17\)\n {6}28 │ +return verdict;\n/);
  t.regex(err, /hint: it touches bytes of the packet/);
  t.regex(err, /log before: --verbose/);
  const errors = json(await host.sluice("apply", "--yes", "--json"))["errors"] as { source?: { line: number } | null }[];
  t.deepEqual(
    errors.flatMap(({ source: shown }) => shown?.line ?? []),
    [26],
  );
  t.deepEqual(await lab.kernel.pins(lab.root), []);
  t.true((await host.sluice("apply", "--yes", "--verbose")).err.includes("R1=pkt(r=0)"));
});

kernelTest("a step that loads alone and not in the chain: what it collides with, and nothing stays", async (t, lab) => {
  const host = await station(t, lab);
  const queues = "    - { name: queues, uses: ./objects/lists.bpf.o }\n";
  writeFiles(host.folder, { "objects/lists.bpf.o": lab.compile(lists, "lists") });
  const refusal = async (steps: readonly string[]) => {
    writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, steps) });
    const { exit, err } = await host.sluice("apply", "--yes");
    t.is(exit, 6, err);
    t.deepEqual(await lab.kernel.pins(lab.root), []);
    return err;
  };

  const both = await refusal([dropsFrom("bogons", "10.0.0.0/8"), queues]);
  t.regex(
    both,
    /Cannot load step "queues" of \S+ \(interfaces\/lab\.yaml:8\) behind step "bogons", though each of them loads alone: .*bpf_list_head/,
  );
  t.regex(both, />\s+\d+ │ \s*bpf_list_push_front_impl\(/);
  t.regex(both, /hint: lists and trees in maps/);
  t.regex(await refusal([queues]), /Cannot load step "queues" of \S+ \(interfaces\/lab\.yaml:5\) linked, though it loads alone: /);
});
