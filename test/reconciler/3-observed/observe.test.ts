// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { observe } from "../../../reconciler/3-observed/observe.ts";

const layout = { root: "/sys/fs/bpf/sluice" };
const manifest = (id: string) => `${layout.root}/eth0/xdp/gen/${id}/manifest`;
const request = { hooks: [], contents: new Set<string>(), applied: null };
const ids = ["0000000000000001", "0000000000000002", "0000000000000003"] as const;

/** A kernel with manifests of three generations, of which somebody else removes one whenever we begin to read it, so often. */
async function cleanedMeanwhile(times: number): Promise<{ readonly kernel: Kernel; readonly reads: readonly string[] }> {
  const kernel = createMemoryKernel({ devices: ["eth0"] });
  for (const id of ids) await kernel.createFrozenMap(manifest(id), "sl_manifest", Buffer.from("{}"));
  const reads: string[] = [];
  const readMap: Kernel["readMap"] = async (pin) => {
    if (reads.push(pin) <= times) await kernel.unpin([pin]);
    return kernel.readMap(pin);
  };
  return { kernel: { ...kernel, readMap }, reads };
}

test("a pin that goes between being listed and being read was never there: what is observed is one state", async (t) => {
  const { kernel, reads } = await cleanedMeanwhile(2);

  const observed = await observe(kernel, layout, request);

  t.deepEqual(
    observed.hooks.flatMap(({ generations }) => generations.map(({ id }) => id)),
    [ids[2]],
  );
  t.deepEqual(reads, ids.map(manifest));
});

test("a pin that is listed each time and never there is an error", async (t) => {
  const { kernel } = await cleanedMeanwhile(0);
  const error = await t.throwsAsync(kernel.readMap("/sys/fs/bpf/sluice/none"));
  let reads = 0;
  const never: Kernel = { ...kernel, readMap: () => Promise.reject((reads++, error)) };

  t.is(await t.throwsAsync(observe(never, layout, request)), error);
  t.is(reads, 5);
});
