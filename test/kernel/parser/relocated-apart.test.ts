// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { harvest } from "../../../bpf/kernel/harvest.ts";
import type { ProgramKind } from "../../../bpf/kernel/hook-types.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import { relocateApart } from "../../../reconciler/parser/relocate-apart.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";

/** One program of each object: a process each takes its time. */
const corpus = [...new Map(ownCorpus().map((program) => [program.object, program])).values()];

kernelTest("a process without privileges relocates the programs of the corpus as libbpf does here", async (t) => {
  for (const { object, function: name, hook } of corpus) await same(t, object, name, hook);
});

kernelTest("… and ones that ask for the kernel's own structures and its configuration", async (t, lab) => {
  const [watching] = library.flatMap(({ object, watch }) => (watch === undefined ? [] : [{ object, name: watch.function }]));
  await same(t, libraryObject(watching?.object ?? ""), watching?.name ?? "", "tracepoint");
  await same(t, lab.compile(versioned, "versioned"), "versioned", "xdp");
});

kernelTest("what libbpf refuses here it refuses there, in the same words", async (t, lab) => {
  const object = lab.compile(missing, "missing");
  const here = t.throws(() => harvest(object, "missing", "xdp"), { instanceOf: KernelError });

  const there = await t.throwsAsync<KernelError>(relocateApart({ object, name: "missing", kind: "xdp" }), { instanceOf: KernelError });

  const { message, call, errno } = here;
  t.like(there, { message, call, errno });
});

async function same(t: ExecutionContext, object: Uint8Array, name: string, kind: ProgramKind): Promise<void> {
  t.deepEqual(await relocateApart({ object, name, kind }), harvest(object, name, kind), name);
}

const versioned = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
extern int LINUX_KERNEL_VERSION __kconfig;
SEC("xdp") int versioned(struct xdp_md *ctx) { return LINUX_KERNEL_VERSION > 0x50000 ? XDP_PASS : XDP_DROP; }
`;
const missing = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
extern int bpf_no_such_function(int) __ksym;
SEC("xdp") int missing(struct xdp_md *ctx) { return bpf_no_such_function(1); }
`;
