// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { callHelper, exit, ja, jumpIf, ldx, loadMap, loadMapValue, mov64, mov64Imm, st, stx } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { formatTrace } from "../../../bpf/kernel/memory/interpreter/format-trace.ts";
import { InterpreterError } from "../../../bpf/kernel/memory/interpreter/interpreter-error.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { chainOf, hashDefinition } from "./programs.ts";

const program = "/bpf/program";
const map = "/bpf/map";

/** Loads and runs instructions that may use the hash "m" and the constants "ro". */
async function run(kernel: MemoryKernel, instructions: readonly Instruction[], hook: HookKind = "xdp"): Promise<number> {
  await kernel.createMap(map, { name: "m", definition: hashDefinition, btf: null });
  const constants = {
    kind: "constant",
    name: "ro",
    definition: { ...hashDefinition, type: "array", maxEntries: 1 },
    value: new Uint8Array(8).fill(1),
    btf: null,
  } as const;
  await kernel.load(program, { chain: chainOf(hook, instructions, "wrong"), maps: { m: { kind: "pinned", path: map }, ro: constants } });
  return (await kernel.run(program, { packet: new Uint8Array(60) })).verdict;
}

const addImm = (dst: number, imm: number): Instruction => ({ opcode: 0x07, dst, src: 0, offset: 0, imm });
const callSelf: Instruction = { opcode: 0x85, dst: 0, src: 1, offset: 0, imm: -1 };

const wrong: readonly (readonly [title: string, instructions: readonly Instruction[], message: string])[] = [
  ["a load through null", [mov64Imm(1, 0), ldx("w", 0, 1, 0), exit()], "Cannot use 0x0… as a pointer: it points to nothing"],
  ["a load behind the stack", [ldx("dw", 0, 10, 0), exit()], "Cannot access 8 bytes at 512 of a stack of 512 bytes"],
  ["a load below the stack", [ldx("dw", 0, 10, -520), exit()], "Cannot access 8 bytes at -8 of a stack of 512 bytes"],
  ["a load behind the packet", [ldx("w", 2, 1, 0), ldx("w", 0, 2, 57), exit()], "Cannot access 4 bytes at 57 of a packet of 60 bytes"],
  ["a load in front of the packet", [ldx("w", 2, 1, 0), ldx("b", 0, 2, -1), exit()], "Cannot access 1 bytes at -1 of a packet of 60 bytes"],
  ["a load behind the context", [ldx("w", 0, 1, 24), exit()], "Cannot read 4 bytes at 24 of the xdp context"],
  ["a store to the context", [mov64Imm(0, 0), stx("w", 1, 0, 0), exit()], "Cannot write 4 bytes at 0 of the xdp context"],
  ["a store to constants", [...loadMapValue(1, "ro"), st("w", 1, 0, 1), exit()], "Cannot write to a read-only map value"],
  ["a load from a map itself", [...loadMap(1, "m"), ldx("w", 0, 1, 0), exit()], "Cannot read 4 bytes through a pointer to a map"],
  ["a helper without a map", [mov64(2, 10), addImm(2, -8), callHelper(1), exit()], "Cannot take r1 for a map: it points to a context"],
  [
    "a packet helper without a context",
    [mov64(1, 10), mov64Imm(2, 0), callHelper(44), exit()],
    "Cannot take r1 for the context: it points to a stack",
  ],
  ["a value of a hash by address", [...loadMapValue(1, "m"), exit()], 'Cannot point into the map "m": it has no first value'],
  [
    "a callback that is no function",
    [mov64Imm(1, 3), mov64(2, 10), mov64Imm(3, 0), mov64Imm(4, 0), callHelper(181), exit()],
    "Cannot call back: the pointer is to a stack",
  ],
  [
    "a record for a map",
    [mov64(2, 10), addImm(2, -8), mov64Imm(3, 8), ...loadMap(1, "m"), callHelper(130), exit()],
    "Cannot send a record: the map is no ring buffer",
  ],
  ["LD_ABS at xdp", [mov64(6, 1), { opcode: 0x30, dst: 0, src: 0, offset: 0, imm: 0 }, exit()], "Cannot use LD_ABS or LD_IND at xdp"],
  ["an unknown operation", [{ opcode: 0xe7, dst: 0, src: 0, offset: 0, imm: 0 }, exit()], "Cannot compute the unknown operation 0xe0"],
  [
    "an unknown operation in 32 bits",
    [{ opcode: 0xe4, dst: 0, src: 0, offset: 0, imm: 0 }, exit()],
    "Cannot compute the unknown operation 0xe0",
  ],
  ["an unknown jump", [{ opcode: 0xe5, dst: 0, src: 0, offset: 0, imm: 0 }, exit()], "Cannot decide the unknown jump 0xe0"],
  [
    "an unknown byte order",
    [{ opcode: 0xd4, dst: 0, src: 0, offset: 0, imm: 24 }, exit()],
    "Cannot convert the byte order of 24 bits: expected 16, 32 or 64",
  ],
  [
    "an unknown atomic",
    [st("dw", 10, -8, 0), { opcode: 0xdb, dst: 10, src: 0, offset: -8, imm: 0x30 }, exit()],
    "Cannot perform the unknown atomic operation 0x30",
  ],
  ["an atomic byte", [{ opcode: 0xd3, dst: 10, src: 0, offset: -8, imm: 0 }, exit()], "Cannot access 1 bytes atomically: expected 4 or 8"],
  ["endless recursion", [callSelf, exit()], "Cannot nest calls deeper than 8 frames"],
  ["an endless loop", [mov64Imm(0, 0), ja(-2)], '"wrong" does not end: 50000000 instructions so far'],
];

for (const [title, instructions, message] of wrong) {
  test(`MemoryKernel.run() is loud about ${title}`, async (t) => {
    await t.throwsAsync(run(createMemoryKernel(), instructions), { instanceOf: InterpreterError, message });
  });
}

test("MemoryKernel.run() takes clock, processor and random numbers from its options", async (t) => {
  const kernel = createMemoryKernel({ now: () => 41n, random: () => 0xffffffff, cpu: () => 1 });
  const call = (helper: number) => [callHelper(helper), exit()];

  t.is(await run(kernel, call(5)), 41);
  await kernel.unpin([program]);
  t.is(await run(kernel, call(7)), -1);
  await kernel.unpin([program]);
  t.is(await run(kernel, call(8)), 1);
});

test("MemoryKernel.run() has a clock that goes on and random numbers that differ, the same in every kernel", async (t) => {
  const twice = [callHelper(5), mov64(6, 0), callHelper(7), mov64(7, 0), callHelper(5), mov64(8, 0), callHelper(7)];
  const differ = [
    { opcode: 0x1d, dst: 6, src: 8, offset: 2, imm: 0 },
    { opcode: 0x1d, dst: 7, src: 0, offset: 1, imm: 0 },
    exit(),
    mov64Imm(0, 0),
    exit(),
  ];

  const first = await run(createMemoryKernel(), [...twice, ...differ]);

  t.not(first, 0);
  t.is(await run(createMemoryKernel(), [...twice, ...differ]), first);
});

test("MemoryKernel.trace() has what programs print", async (t) => {
  const kernel = createMemoryKernel();
  const format = [...Buffer.from("%d of\0")].map((byte, index) => st("b", 10, index - 8, byte));

  await run(kernel, [...format, mov64(1, 10), addImm(1, -8), mov64Imm(2, 6), mov64Imm(3, -5), callHelper(6), exit()]);

  t.deepEqual(kernel.trace(), ["-5 of"]);
});

test("MemoryKernel.records() has what programs sent, and nothing they discarded", async (t) => {
  const kernel = createMemoryKernel();
  const ringbuf = "/bpf/events";
  await kernel.createMap(ringbuf, {
    name: "events",
    definition: { ...hashDefinition, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
    btf: null,
  });
  const reserve = (content: number, finish: number) => [
    ...loadMap(1, "e"),
    mov64Imm(2, 8),
    mov64Imm(3, 0),
    callHelper(131),
    jumpIf("ne", 0, 0, 1),
    exit(),
    st("dw", 0, 0, content),
    mov64(1, 0),
    mov64Imm(2, 0),
    callHelper(finish),
  ];
  await kernel.load(program, {
    chain: chainOf("xdp", [...reserve(1, 132), ...reserve(2, 133), ...reserve(3, 132), mov64Imm(0, 2), exit()]),
    maps: { e: { kind: "pinned", path: ringbuf } },
  });

  await kernel.run(program, { packet: new Uint8Array(60) });

  t.deepEqual(
    kernel.records(ringbuf).map((record) => record[0]),
    [1, 3],
  );
  t.is((await kernel.readMap(ringbuf)).count, 0);
});

for (const [format, values, line] of [
  ["plain", [], "plain"],
  ["%d %i %u", [-1n, 0xffffffffn, -1n], "-1 -1 4294967295"],
  ["%ld %lu", [-1n, -1n], "-1 18446744073709551615"],
  ["%x %X %llx", [255n, 255n, 1n << 40n], "ff FF 10000000000"],
  ["%c%% %p %d", [65n, 16n], "A% 0x10 0"],
  ["%08x", [7n], "7"],
] as const) {
  test(`formatTrace() prints ${format}`, (t) => {
    t.is(formatTrace(format, values), line);
  });
}
