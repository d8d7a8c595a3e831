// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { ObjectSpec, ProgramSpec } from "../../bpf/object/spec.ts";
import { faultAt, type StepPlace } from "./step-place.ts";
import { didYouMean, oneOf } from "./suggest.ts";

/** The function of an own object that the step runs; null when none can be chosen, which is then reported. */
export function chooseFunction(place: StepPlace, spec: ObjectSpec, uses: string, wanted: string | undefined): string | null {
  const suitable = spec.programs.filter((program) => suits(program, place.hook));
  const names = suitable.map((program) => program.name);
  if (wanted === undefined) return onlyFunction(place, spec, uses, names);
  if (names.includes(wanted)) return wanted;
  const unsuitable = spec.programs.find((program) => program.name === wanted);
  faultAt(
    place,
    ["function"],
    unsuitable === undefined ? unknownFunction(uses, wanted, names) : unsuitableFunction(place.hook, unsuitable, names),
  );
  return null;
}

/** What the section says fits the hook; a section that says nothing fits any. */
export function suits(program: ProgramSpec, hook: HookKind): boolean {
  return program.heldIn === undefined && (program.type === "other" || program.type === (hook === "xdp" ? "xdp" : "tc"));
}

function onlyFunction(place: StepPlace, spec: ObjectSpec, uses: string, names: readonly string[]): string | null {
  const [only] = names;
  if (only !== undefined && spec.programs.length === 1) return only;
  const found = spec.programs.length === 0 ? "no functions" : `no function for ${place.hook}`;
  if (only === undefined) faultAt(place, ["uses"], { code: "unsuitable-function", message: `Object "${uses}" has ${found}` });
  else {
    const message = `Object "${uses}" has ${spec.programs.length} functions, so the step must name one: expected "function" to be ${oneOf(names)}`;
    faultAt(place, ["uses"], { code: "missing-key", message, hint: `add "function: ${only}"` });
  }
  return null;
}

function unknownFunction(uses: string, wanted: string, names: readonly string[]) {
  const message = `Unknown function "${wanted}" of "${uses}": expected ${oneOf(names)}`;
  return { code: "unknown-function", message, hint: didYouMean(wanted, names) };
}

function unsuitableFunction(hook: HookKind, program: ProgramSpec, names: readonly string[]) {
  const others = names.length === 0 ? "" : `: expected ${oneOf(names)}`;
  const purpose = program.heldIn === undefined ? programTypeOf(program) : `the entries of a ${program.heldIn}`;
  return {
    code: "unsuitable-function",
    message: `Function "${program.name}" is for ${purpose} (section "${program.section}"), not for ${hook}${others}`,
  };
}

/** What libbpf calls what a section asks for: "kprobe" of "kprobe/do_sys_open". */
function programTypeOf({ type, section }: ProgramSpec): string {
  return type === "foreign" ? (/^\w+/.exec(section)?.[0] ?? section) : type;
}
