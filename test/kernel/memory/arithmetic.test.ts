// SPDX-License-Identifier: Apache-2.0
import { exit, jumpIf, jumpIf32, loadMapValue, loadNumber, mov64, stx } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { arithmetic, classes, jumps } from "../../../bpf/asm/opcodes.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { chooseSeed, type Random, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { bothKernels, printEntries } from "./both-kernels.ts";

const registers = [0, 1, 2, 3, 4, 5] as const;
const memory = 6;
const operations = [...Object.values(arithmetic)].filter((operation) => operation !== arithmetic.end && operation !== arithmetic.neg);
const comparisons = ["eq", "ne", "gt", "ge", "lt", "le", "sgt", "sge", "slt", "sle", "set"] as const;
const interesting = [
  0n,
  1n,
  2n,
  -1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  1n << 63n,
  (1n << 63n) - 1n,
  0x123456789abcdef0n,
];
const results: MapDefinition = {
  type: "array",
  keySize: 4,
  valueSize: registers.length * 8,
  maxEntries: 1,
  flags: 0,
  btfKey: 0,
  btfValue: 0,
  inner: null,
};

kernelTest("MemoryKernel computes and jumps as the real kernel does, for random programs", async (t, lab) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const both = bothKernels(lab);
  const map = `${lab.root}/results`;
  for (const kernel of [both.real, both.memory]) await kernel.createMap(map, { name: "results", definition: results, btf: null });
  for (let round = 0; round < 150; round++) {
    const instructions = randomProgram(random);
    const answers: string[][] = [];
    for (const kernel of [both.real, both.memory]) {
      const pin = `${lab.root}/program${round}`;
      const chain = {
        kind: "linked",
        name: "random",
        hook: "xdp",
        license: "GPL",
        frags: false,
        instructions,
        btf: null,
        functions: [],
        lines: [],
        steps: [],
      } as const;

      await kernel.load(pin, { chain, maps: { results: { kind: "pinned", path: map } } });
      await kernel.run(pin, { packet: new Uint8Array(60) });

      answers.push(printEntries(await kernel.readMap(map), false));
      await kernel.unpin([pin]);
    }
    t.deepEqual(answers[1], answers[0], JSON.stringify(instructions));
  }
});

/** Sets every register, computes and jumps for a while, and stores what is left. */
function randomProgram(random: Random): readonly Instruction[] {
  const steps = Array.from({ length: 60 }, () => randomStep(random));
  return [
    ...registers.flatMap((register) => loadNumber(register, randomNumber(random))),
    ...steps.flat(),
    ...loadMapValue(memory, "results"),
    ...registers.map((register) => stx("dw", memory, register * 8, register)),
    mov64(0, 1),
    exit(),
  ];
}

function randomStep(random: Random): readonly Instruction[] {
  const [dst, src] = [random.pick(registers), random.pick(registers)];
  const imm = Number(BigInt.asIntN(32, randomNumber(random)));
  const wide = random.chance(0.5);
  const kind = random.below(10);
  if (kind === 0) return [{ opcode: (wide ? classes.alu64 : classes.alu) | arithmetic.neg, dst, src: 0, offset: 0, imm: 0 }];
  if (kind === 1)
    return [{ opcode: classes.alu | arithmetic.end | (wide ? 8 : 0), dst, src: 0, offset: 0, imm: random.pick([16, 32, 64]) }];
  if (kind === 2) {
    const skipped: Instruction = { opcode: classes.alu64 | arithmetic.xor, dst: src, src: 0, offset: 0, imm: 0x5555 };
    const jump = wide ? jumpIf : jumpIf32;
    return [jump(random.pick(comparisons), dst, imm, 1), skipped];
  }
  if (kind === 3) {
    const skipped: Instruction = { opcode: classes.alu64 | arithmetic.add, dst: src, src: 0, offset: 0, imm: 77 };
    const opcode = (wide ? classes.jmp : classes.jmp32) | jumps[random.pick(comparisons)] | 8;
    return [{ opcode, dst, src, offset: 1, imm: 0 }, skipped];
  }
  return [compute(random, { dst, src, imm, wide })];
}

/** Divisions by a constant zero and shifts by more than there are bits are refused by the verifier. */
function compute(
  random: Random,
  { dst, src, imm, wide }: { readonly dst: number; readonly src: number; readonly imm: number; readonly wide: boolean },
): Instruction {
  const operation = random.pick(operations);
  const opcode = (wide ? classes.alu64 : classes.alu) | operation;
  if (random.chance(0.5)) return { opcode: opcode | 8, dst, src, offset: 0, imm: 0 };
  const shifts: readonly number[] = [arithmetic.lsh, arithmetic.rsh, arithmetic.arsh];
  return { opcode, dst, src: 0, offset: 0, imm: shifts.includes(operation) ? imm & (wide ? 63 : 31) : imm === 0 ? 1 : imm };
}

function randomNumber(random: Random): bigint {
  if (random.chance(0.5)) return random.pick(interesting);
  return (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
}
