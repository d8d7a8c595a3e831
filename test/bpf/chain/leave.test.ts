// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { printInstruction } from "../../../bpf/asm/print.ts";
import { analyseBody } from "../../../bpf/chain/body.ts";
import { findLeaveFunction, stepTag } from "../../../bpf/chain/leave.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import { linkSegments } from "../../../bpf/chain/link-segments.ts";
import type { StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { libraryObject } from "../../../bpf/programs/library.ts";
import { chainOf } from "./chains.ts";
import { step } from "./steps.ts";

/** A tap as the linker gets it. */
async function tapStep(name: string, fn: string): Promise<StepToLink> {
  const kernel = createMemoryKernel();
  const object = libraryObject("tap.bpf.o");
  const own = openObject(object).maps.filter(({ role }) => role === "map");
  for (const map of own) await kernel.createMap(`/${map.name}`, { name: map.name, definition: map.definition, btf: null });
  const maps = Object.fromEntries(own.map((map) => [map.name, `/${map.name}`]));
  const program = await kernel.relocate({ object, function: fn, hook: "xdp", globals: {}, maps });
  return { name, program, continueOn: [2], slot: 0 };
}

test("stepTag() tells names apart and is never the end's", (t) => {
  t.is(stepTag("edge"), stepTag("edge"));
  t.is(new Set(["", "a", "b", "edge", "leaving", "then", "s1"].map(stepTag)).size, 7);
  t.not(stepTag(""), 0);
});

test("findLeaveFunction() finds a function by its name, where the program has one", async (t) => {
  const found = async (fn: string) => {
    const { program } = await tapStep("tap", fn);
    return findLeaveFunction(program, analyseBody(program.instructions));
  };

  t.deepEqual([await found("tap_leaving_xdp"), await found("tap_xdp")], [1, null]);
  t.is(findLeaveFunction(step("s", [exit()]).program, analyseBody([exit()])), null);
});

test("linkChain() notes who decides, and calls the function on every way out with verdict and step", async (t) => {
  const tap = await tapStep("tap", "tap_leaving_xdp");
  const linked = linkChain(chainOf([step("one", [mov64Imm(0, 1), exit()]), tap]));
  if (linked.kind === "refused") return t.fail(linked.reason);
  const text = linked.instructions.map(printInstruction);

  const notes = text.filter((line) => /^\*\(u32 \*\)\(r10 - \d+\) = -?\d+$/.test(line)).map((line) => Number(line.split(" = ")[1]));
  t.deepEqual(notes, [stepTag("one") | 0, stepTag("tap") | 0, 0]);
  const [note = ""] = text.filter((line) => line.endsWith(` = ${stepTag("one") | 0}`));
  const tagAt = Number(/r10 - (\d+)/.exec(note)?.[1]);
  const verdictAt = tagAt + 4;
  const calls = text.flatMap((line, index) => (line === `*(u32 *)(r10 - ${verdictAt}) = r0` ? [text.slice(index, index + 6)] : []));
  t.is(calls.length, 2);
  for (const call of calls) {
    t.deepEqual(call.slice(2, 4), [`r2 = *(u32 *)(r10 - ${verdictAt})`, `r3 = *(u32 *)(r10 - ${tagAt})`]);
    t.regex(call[1] as string, /^r1 = \*\(u64 \*\)\(r10 - \d+\)$/);
    t.regex(call[4] as string, /^call /);
    t.is(call[5], `r0 = *(u32 *)(r10 - ${verdictAt})`);
  }
});

test("linkSegments() calls the function in the segment that has it, and links the others as ever", async (t) => {
  const tap = await tapStep("tap", "tap_leaving_xdp");
  const chain = chainOf([step("one", [mov64Imm(0, 1), exit()]), tap]);
  const segments = linkSegments(chain, [1]);
  const alone = linkSegments(chainOf([step("one", [mov64Imm(0, 1), exit()]), step("two", [exit()])]), [1]);
  if (segments.kind === "refused" || alone.kind === "refused") return t.fail("refused");

  t.deepEqual(segments.segments[0]?.instructions, alone.segments[0]?.instructions);
});
