// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { cachingKernel } from "../../../bpf/kernel/decorators/caching-kernel.ts";
import type { Kernel, RelocateRequest } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";

const request: RelocateRequest = {
  object: Uint8Array.of(1, 2, 3),
  function: "limit",
  hook: "xdp",
  globals: { ".rodata": Uint8Array.of(7) },
  maps: { buckets: "/sys/fs/bpf/a", rules: "/sys/fs/bpf/b" },
};

const program: RelocatedProgram = {
  name: "limit",
  license: "GPL",
  instructions: [
    { opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 0, map: "buckets" },
    { opcode: 0, dst: 0, src: 0, offset: 0, imm: 0 },
    { opcode: 0x18, dst: 2, src: 2, offset: 0, imm: 0, map: "rules" },
    { opcode: 0, dst: 0, src: 0, offset: 0, imm: -8 },
    mov64Imm(0, 2),
    exit(),
  ],
  btf: Uint8Array.of(0x9f, 0xeb, 1, 0),
  functions: [{ instruction: 0, type: 3 }],
  lines: [{ instruction: 0, file: 1, line: 2, position: 3 }],
  frags: true,
  processedInstructions: 6,
  kconfig: Uint8Array.of(0, 0, 6, 0),
};

test("what was relocated once comes from the disk as it came from the kernel, also for another process", async (t) => {
  const directory = cacheOf(t);
  const kernel = countingKernel(program);

  const miss = await cachingKernel(kernel, directory).relocate(request);
  const hit = await cachingKernel(kernel, directory).relocate(request);

  t.is(kernel.calls(), 1);
  t.deepEqual(miss, program);
  t.deepEqual(hit, program);
  t.is(statSync(directory).mode & 0o777, 0o700);
});

test("a program without BTF and without .kconfig comes back without them", async (t) => {
  const { kconfig, ...rest } = program;
  const plain: RelocatedProgram = { ...rest, btf: null };
  const caching = cachingKernel(countingKernel(plain), cacheOf(t));
  await caching.relocate(request);

  const hit = await caching.relocate(request);

  t.truthy(kconfig);
  t.deepEqual(hit, plain);
});

test("maps of the same definition make the same program, wherever they are pinned", async (t) => {
  const kernel = countingKernel(program);
  const caching = cachingKernel(kernel, cacheOf(t), basename);
  await caching.relocate({ ...request, maps: { rules: "/sys/fs/bpf/eth0/0a" } });

  await caching.relocate({ ...request, maps: { rules: "/sys/fs/bpf/eth1/0a" } });
  await caching.relocate({ ...request, maps: { rules: "/sys/fs/bpf/eth1/0b" } });

  t.is(kernel.calls(), 2);
});

const others: Readonly<Record<string, Partial<RelocateRequest>>> = {
  "another object": { object: Uint8Array.of(1, 2, 4) },
  "another function": { function: "other" },
  "another hook": { hook: "tc-ingress" },
  "other globals": { globals: { ".rodata": Uint8Array.of(8) } },
  "another map": { maps: { ...request.maps, rules: "/sys/fs/bpf/c" } },
};

for (const [what, difference] of Object.entries(others)) {
  test(`${what} is another program`, async (t) => {
    const kernel = countingKernel(program);
    const caching = cachingKernel(kernel, cacheOf(t));

    await caching.relocate(request);
    await caching.relocate({ ...request, ...difference });

    t.is(kernel.calls(), 2);
  });
}

test("the order of maps and globals makes no other program", async (t) => {
  const kernel = countingKernel(program);
  const caching = cachingKernel(kernel, cacheOf(t));

  await caching.relocate(request);
  await caching.relocate({ ...request, maps: { rules: "/sys/fs/bpf/b", buckets: "/sys/fs/bpf/a" } });

  t.is(kernel.calls(), 1);
});

for (const length of [0, 1, 100]) {
  test(`a file torn after ${length} bytes is made again`, async (t) => {
    const directory = cacheOf(t);
    const kernel = countingKernel(program);
    const caching = cachingKernel(kernel, directory);
    await caching.relocate(request);
    const [file = ""] = readdirSync(directory);
    truncateSync(join(directory, file), length);

    const again = await caching.relocate(request);
    const hit = await caching.relocate(request);

    t.is(kernel.calls(), 2);
    t.deepEqual(again, program);
    t.deepEqual(hit, program);
  });
}

test("a directory that cannot be made is no failure, only slower", async (t) => {
  const directory = cacheOf(t);
  writeFileSync(directory, "a file is in the way");
  const kernel = countingKernel(program);
  const caching = cachingKernel(kernel, directory);

  await caching.relocate(request);

  t.deepEqual(await caching.relocate(request), program);
  t.is(kernel.calls(), 2);
});

test("a file that cannot be replaced is passed over, and nothing is left beside it", async (t) => {
  const directory = cacheOf(t);
  const kernel = countingKernel(program);
  const caching = cachingKernel(kernel, directory);
  await caching.relocate(request);
  const [file = ""] = readdirSync(directory);
  const blocked = join(cacheOf(t), file);
  mkdirSync(blocked, { recursive: true });

  const other = cachingKernel(kernel, join(blocked, ".."));

  t.deepEqual(await other.relocate(request), program);
  t.deepEqual(readdirSync(join(blocked, "..")), [file]);
});

test("what the verifier refuses is not remembered", async (t) => {
  const directory = cacheOf(t);
  const refusal = new KernelError('Cannot load "limit": refused', { call: "BPF_PROG_LOAD", errno: "EACCES", log: "no" });
  const kernel = { ...countingKernel(program), relocate: () => Promise.reject(refusal) };
  const caching = cachingKernel(kernel, directory);

  t.is(await t.throwsAsync(caching.relocate(request)), refusal);

  t.false(existsSync(directory));
});

test("at most 512 files stay; the ones that were not used for longest go", async (t) => {
  const directory = cacheOf(t);
  mkdirSync(directory);
  for (let index = 0; index < 520; index += 1) {
    const path = join(directory, `${index}.json`);
    writeFileSync(path, "{}");
    utimesSync(path, 1_700_000_000 + index, 1_700_000_000 + index);
  }

  await cachingKernel(countingKernel(program), directory).relocate(request);

  const names = readdirSync(directory);
  t.is(names.length, 512);
  t.false(names.includes("8.json"));
  t.true(names.includes("9.json"));
});

function cacheOf(t: ExecutionContext): string {
  return join(temporaryFolder(t), "cache");
}

/** A kernel whose every program is the given one. */
function countingKernel(answer: RelocatedProgram): Kernel & { calls(): number } {
  let calls = 0;
  return {
    ...createMemoryKernel(),
    calls: () => calls,
    async relocate() {
      calls += 1;
      return answer;
    },
  };
}
