// SPDX-License-Identifier: Apache-2.0
import { btfKind, readRecords, readSections } from "../../../bpf/btf/record.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { readElf, sectionBytes } from "../../../bpf/object/elf.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { prepare } from "./instance.ts";
import { lists } from "./list-in-map.ts";

/** Objects of types of its own, and one of the kernel's that stays in a map: 1 is dropped, what comes after it passes. */
const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char _license[] SEC("license") = "GPL";

struct task_struct { int pid; } __attribute__((preserve_access_index));
/* clang 14 writes no type tags: the test makes one of "volatile", by the name of this member. */
struct holder { struct task_struct volatile *kptr; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct holder); } tasks SEC(".maps");

struct pad { __u64 a[3]; };
struct node { __u64 value; struct pad pad; };

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

static __noinline int allocate(__u64 value)
{
	struct node *node = bpf_obj_new_impl(bpf_core_type_id_local(struct node), 0);
	if (!node)
		return XDP_ABORTED;
	node->value = value;
	value = node->value;
	bpf_obj_drop_impl(node, 0);
	return value == 17 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int allocates(struct xdp_md *ctx)
{
	return allocate(17);
}

SEC("xdp") int keeps_a_task(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct holder *holder = bpf_map_lookup_elem(&tasks, &key);
	struct task_struct *task, *before;
	if (!holder)
		return XDP_ABORTED;
	task = bpf_task_from_pid(2);
	if (!task)
		return XDP_ABORTED;
	before = bpf_kptr_xchg((void *)&holder->kptr, task);
	if (!before)
		return XDP_DROP;
	bpf_task_release(before);
	return XDP_PASS;
}`;

const packet = ethernet({}, ipv4({}, udp({})));

/** The one "volatile" becomes a type tag of the name "kptr": the records are alike. */
function withTypeTag(object: Uint8Array): Uint8Array {
  const patched = Uint8Array.from(object);
  const btf = sectionBytes(readElf(patched), ".BTF") as Uint8Array;
  const sections = readSections(btf);
  const [tag] = readRecords(sections).filter(({ kind }) => kind === btfKind.volatile);
  const names = Buffer.from(btf.buffer, btf.byteOffset + sections.stringStart, sections.stringEnd - sections.stringStart);
  sections.view.setUint32(tag?.offset ?? 0, names.indexOf("\0kptr\0") + 1, true);
  sections.view.setUint32((tag?.offset ?? 0) + 4, btfKind.typeTag << 24, true);
  return patched;
}

/** A step with BTF of its own in front, so that ids of types change. */
async function stepBefore(lab: Lab): Promise<StepToLink> {
  const program = ownCorpus().find((candidate) => candidate.function === "subprograms");
  if (program === undefined) throw new Error("There is no such program");
  const { relocated } = await prepare(lab.kernel, program, `${lab.root}/before`);
  return { name: "before", program: relocated, continueOn: [0, 1, 2], slot: 0 };
}

kernelTest("objects of a program's own types and of the kernel's live in the third step of a chain as they do alone", async (t, lab) => {
  const object = withTypeTag(lab.compile(source, "kernel-objects"));
  const spec = openObject(object);
  const tasks = `${lab.root}/tasks`;
  for (const { name, definition } of spec.maps) await lab.kernel.createMap(tasks, { name, definition, btf: spec.btf });
  const relocate = (name: string) => lab.kernel.relocate({ object, function: name, hook: "xdp", globals: {}, maps: { tasks } });
  const own = async (name: string): Promise<StepToLink> => ({ name, program: await relocate(name), continueOn: [2], slot: 0 });
  const steps = [await stepBefore(lab), await own("allocates"), await own("keeps_a_task"), { ...(await own("allocates")), name: "again" }];
  const chain = linkChain({ hook: "xdp", name: "sl_objects", steps, end: 2, counters: null });
  if (chain.kind === "refused") throw new Error(chain.reason);

  await lab.kernel.load(`${lab.root}/chain`, { chain, maps: { "keeps_a_task/tasks": { kind: "pinned", path: tasks } } });

  const verdicts = [];
  for (let times = 0; times < 3; times += 1) verdicts.push((await lab.kernel.run(`${lab.root}/chain`, { packet })).verdict);
  t.deepEqual(verdicts, [1, 2, 2]);
  t.true(
    steps[1]?.program.instructions.some(({ localType }) => localType),
    "there was something to renumber",
  );
});

kernelTest("a list in a map cannot be in a chain, and the refusal says why", async (t, lab) => {
  const object = lab.compile(lists, "lists");
  const spec = openObject(object);
  const pin = `${lab.root}/lists`;
  for (const { name, definition } of spec.maps) await lab.kernel.createMap(pin, { name, definition, btf: spec.btf });
  const program = await lab.kernel.relocate({ object, function: "queues", hook: "xdp", globals: {}, maps: { lists: pin } });
  const steps = [await stepBefore(lab), { name: "queues", program, continueOn: [2], slot: 0 }];
  const chain = linkChain({ hook: "xdp", name: "sl_lists", steps, end: 2, counters: null });
  if (chain.kind === "refused") throw new Error(chain.reason);

  const load = lab.kernel.load(`${lab.root}/chain`, { chain, maps: { "queues/lists": { kind: "pinned", path: pin } } });

  const error = await t.throwsAsync(load, { instanceOf: KernelError, message: /operation on bpf_list_head expects/ });
  t.regex(error.refusal?.explanation ?? "", /^lists and trees in maps, .* a chain's BTF is that of all its steps/);
});
