// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { harvest } from "../../../bpf/kernel/harvest.ts";
import { relocateFunction } from "../../../bpf/kernel/memory/relocate/relocate-function.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { compileBeside, compileCorpus, hookOf } from "./both-kernels.ts";

kernelTest("relocateFunction() lays out the programs of the corpus as libbpf does", async (t, lab) => {
  for (const [name, object] of compileCorpus(lab)) sameLayout(t, name, object);
});

kernelTest("relocateFunction() lays out programs with callbacks and variables as libbpf does", async (t, lab) => {
  sameLayout(t, "helpers", compileBeside(lab, "helpers"));
});

kernelTest("relocateFunction() lays out the programs of the library as libbpf does", async (t) => {
  for (const { name, object } of library) sameLayout(t, name, libraryObject(object));
});

function sameLayout(t: ExecutionContext, name: string, object: Uint8Array): void {
  const spec = openObject(object);
  t.not(spec.programs.length, 0);
  for (const program of spec.programs) {
    const hook = hookOf(spec, program.name);
    const request = { object, function: program.name, hook, globals: {}, maps: {} };

    const { btf: _, ...ours } = relocateFunction(request);

    const { btf: __, ...libbpfs } = harvest(object, program.name, hook);
    t.deepEqual(ours, libbpfs, `${name} ${program.name}`);
  }
}
