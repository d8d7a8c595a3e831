// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import type { Kernel, LoadRequest } from "../../../bpf/kernel/kernel.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { batchProgram, batchSize } from "../../bpf/match/batch.ts";
import { encodeClassic } from "../../bpf/match/encode-classic.ts";
import { primitives } from "../../bpf/match/expressions.ts";
import { manyFrames } from "../../bpf/match/frames.ts";
import { offlineFilter } from "../../bpf/match/offline-filter.ts";
import { randomClassic } from "../../bpf/match/random-classic.ts";
import { runClassic } from "../../bpf/match/run-classic.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { openMouth } from "../../lab/packet-socket.ts";

const target = { hook: "tc-ingress", frags: false } as const;
const results = "results";

/** At tc ingress the kernel has taken the outer tag out of every frame already. */
kernelTest("tc-ingress: frames from a wire, VLAN tags and all, are taken as they were on the wire", async (t, lab) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const frames = manyFrames(seed, 40);
  const tagged = frames.filter((frame) => frame[12] === 0x81 && frame[13] === 0);
  const subjects = primitives.flatMap((expression) => {
    const compiled = compileMatch(expression);
    if (compiled.kind === "fault") return [];
    return [{ name: expression, code: compiled.code, expects: (frame: Uint8Array) => offlineFilter(compiled.code, frame) }];
  });

  t.true(tagged.length >= 5);
  await compareOnWire(t, lab, subjects, [...frames, ...frames.map(addTag)].filter(isWhole));
});

kernelTest("tc-ingress: random classic BPF sees tagged frames as they were on the wire", async (t, lab) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const subjects = Array.from({ length: 10 * batchSize }, () => {
    const program = randomClassic(random);
    const code = encodeClassic(program);
    return { name: JSON.stringify(program), code, expects: (frame: Uint8Array) => runClassic(program, frame).result !== 0 };
  });

  await compareOnWire(t, lab, subjects, manyFrames(seed, 0).map(addTag).filter(isWhole));
});

interface Subject {
  readonly name: string;
  readonly code: Uint8Array;
  expects(frame: Uint8Array): boolean;
}

async function compareOnWire(t: ExecutionContext, lab: Lab, subjects: readonly Subject[], frames: readonly Uint8Array[]): Promise<void> {
  const { inside, outside } = await lab.veth();
  const pin = `${lab.root}/results`;
  await lab.kernel.createMap(pin, { name: results, definition: oneNumber, btf: null });
  const mouth = openMouth(outside);
  let [taken, seen] = [0, 0n];
  try {
    for (let start = 0; start < subjects.length; start += batchSize) {
      const batch = subjects.slice(start, start + batchSize);
      const chain = batchProgram(
        batch.map(({ code }) => decodeClassic(code)),
        target,
        results,
      );
      await attach(lab, inside, { chain, maps: { [results]: { kind: "pinned", path: pin } } }, start);
      for (const frame of frames) {
        mouth.send(frame);
        const bits = await bitsOf(lab.kernel, pin, ++seen);
        for (const [index, { name, expects }] of batch.entries()) {
          const expected = expects(frame);
          if (expected) taken++;
          if (((bits >>> index) & 1) !== Number(expected)) {
            return t.fail(`"${name}" should ${expected ? "" : "not "}take ${Buffer.from(frame).toString("hex")}`);
          }
        }
      }
      await lab.kernel.detach(`${lab.root}/link${start}`);
    }
  } finally {
    mouth.close();
  }
  t.true(taken > 500, `${taken} taken`);
}

const oneNumber = {
  type: "array",
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
  btfKey: 0,
  btfValue: 0,
  inner: null,
} as const;

async function attach({ kernel, root }: Lab, device: string, request: LoadRequest, number: number): Promise<void> {
  const program = `${root}/batch${number}`;
  await kernel.load(program, request);
  await kernel.attach(`${root}/link${number}`, { device, hook: target.hook, program, mode: "native" });
}

/** What the newest packet left, once so many have come. */
async function bitsOf(kernel: Kernel, pin: string, count: bigint): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const { values } = await kernel.readMap(pin);
    const value = Buffer.from(values).readBigUInt64LE(0);
    if (value >> 32n === count) return Number(value & 0xffffffffn);
    await sleep(1);
  }
  throw new Error(`Packet ${count} has not come`);
}

/** The kernel itself drops what ends within its tag. */
function isWhole(frame: Uint8Array): boolean {
  return frame.length >= 20 || ![0x81, 0x88].includes(frame[12] as number);
}

/** One more tag around a frame. */
function addTag(frame: Uint8Array, index: number): Uint8Array {
  const tag = Uint8Array.of(index % 3 === 0 ? 0x88 : 0x81, index % 3 === 0 ? 0xa8 : 0, (index % 8) << 5, index % 5 === 0 ? 7 : index % 251);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
}
