// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { harvest } from "../../../bpf/kernel/harvest.ts";
import { relocateFunction } from "../../../bpf/kernel/memory/relocate/relocate-function.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import { ownCorpus, xdpToolsCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { compileBeside, hookOf } from "./both-kernels.ts";

kernelTest("relocateFunction() lays out the programs of the corpus as libbpf does", async (t) => {
  for (const object of new Set(ownCorpus().map((program) => program.object))) sameLayout(t, object);
});

kernelTest("relocateFunction() lays out the programs of xdp-tools as libbpf does", async (t) => {
  for (const { object } of xdpToolsCorpus()) sameLayout(t, object);
  t.pass();
});

kernelTest("relocateFunction() lays out programs with callbacks and variables as libbpf does", async (t, lab) => {
  sameLayout(t, compileBeside(lab, "helpers"));
});

kernelTest("relocateFunction() lays out the programs of the library as libbpf does", async (t) => {
  // What watches a tracepoint reads the kernel's own structures, of which the kernel in memory has none: it refuses it.
  for (const { object, functions } of library) sameLayout(t, libraryObject(object), Object.values(functions));
});

function sameLayout(t: ExecutionContext, object: Uint8Array, functions?: readonly string[]): void {
  const spec = openObject(object);
  t.not(spec.programs.length, 0);
  for (const program of spec.programs.filter(({ name }) => functions?.includes(name) ?? true)) {
    const hook = hookOf(spec, program.name);
    const request = { object, function: program.name, hook, globals: {}, maps: {} };

    const ours = relocateFunction(request);

    t.deepEqual(ours, harvest(object, program.name, hook), program.name);
  }
}
