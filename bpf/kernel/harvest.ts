// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { decodeInstructions } from "../asm/decode.ts";
import { eachInstruction } from "../asm/inspect.ts";
import type { Instruction } from "../asm/instruction.ts";
import { wideKinds, wideOpcode } from "../asm/opcodes.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { copyMemory } from "../libbpf-ffi/memory.ts";
import { captureMessages } from "../libbpf-ffi/messages.ts";
import { type InfoRecords, type PreparedProgram, type Section, withPrepareLoad } from "../libbpf-ffi/prepare-load.ts";
import { type PrepareLibrary, prepareLibrary, prepareObject } from "../libbpf-ffi/prepare-object.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { checkObject } from "../object/check-object.ts";
import { markLocalTypes } from "../object/local-types.ts";
import { asksForFrags, readBtf } from "../object/open-object.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import { mapName, mapsOf, programsOf, withObject } from "../object/with-object.ts";
import { withFd } from "./fds.ts";
import { type HookTypes, hookTypes, type ProgramKind } from "./hook-types.ts";
import { KernelError } from "./kernel-error.ts";
import { check } from "./refusal.ts";

/**
 * Lets libbpf do everything but the load itself: CO-RE, externs, appended callees; by bpf_object__prepare() where it has that. Its maps are stand-ins, so no map of a step is
 * made, written or even opened here. Synchronous and short, because nothing is verified. Throws KernelError.
 */
export function harvest(object: Uint8Array, name: string, hook: ProgramKind, library = prepareLibrary()): RelocatedProgram {
  // libbpf looks up handlers when it opens an object: the section must be known before.
  const section = withObject(object, (opened) => libbpf().bpf_program__section_name(findProgram(opened, name)));
  const results: RelocatedProgram[] = [];
  const read = (arranged: Arranged, prepared: PreparedProgram): void => {
    const program = { ...identify(object, name, section), ...readPrepared(name, arranged, prepared) };
    results.push({ ...program, instructions: findLocalTypes(object, program) });
  };
  const kind = hookTypes(hook);
  const { lines } = captureMessages(() =>
    library === null ? loadPrepared({ name: section, ...kind }, object, name, read) : prepareAlone(library, kind, object, name, read),
  );
  const [result] = results;
  if (result === undefined) throw notRelocated(name, lines);
  return result;
}

function findLocalTypes(object: Uint8Array, { name, instructions, functions }: RelocatedProgram): readonly Instruction[] {
  try {
    return markLocalTypes(object, instructions, functions);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `Cannot relocate "${name}": its .BTF.ext is damaged`;
    throw new KernelError(message, { call: "bpf_object__load", errno: "EINVAL", cause: error });
  }
}

/** An opened object that is ready to be relocated, and the names of its maps by their addresses. */
interface Arranged {
  readonly opened: bigint;
  readonly maps: ReadonlyMap<bigint, string>;
}

function loadPrepared(
  section: Section,
  object: Uint8Array,
  name: string,
  read: (arranged: Arranged, prepared: PreparedProgram) => void,
): void {
  const arranged: Arranged[] = [];
  const prepare = (_: bigint, prepared: PreparedProgram): number => {
    for (const one of arranged) read(one, prepared);
    return -constants.errno.ECANCELED;
  };
  withPrepareLoad(section, prepare, () =>
    withObject(object, (opened) => {
      arranged.push(withFd(createStandIn(), (standIn) => arrange(opened, name, standIn)));
      libbpf().bpf_object__load(opened);
    }),
  );
}

/** From libbpf 1.6 on: what the callback above sees, without a load that has to be ended. */
function prepareAlone(
  library: PrepareLibrary,
  kind: HookTypes,
  object: Uint8Array,
  name: string,
  read: (arranged: Arranged, prepared: PreparedProgram) => void,
): void {
  withObject(object, (opened) => {
    const arranged = withFd(createStandIn(), (standIn) => arrange(opened, name, standIn));
    const prepared = prepareObject(library, opened, findProgram(opened, name), kind);
    if (typeof prepared !== "number") read(arranged, prepared);
  });
}

/** Selects one program and gives every map a stand-in. */
function arrange(opened: bigint, name: string, standIn: number): Arranged {
  const chosen = findProgram(opened, name);
  for (const program of programsOf(opened)) libbpf().bpf_program__set_autoload(program, program === chosen);
  // Names first: a reused fd changes what libbpf says.
  const maps = new Map([...mapsOf(opened)].map((map) => [map, mapName(map)]));
  for (const [map, mapped] of maps) {
    libbpf().bpf_map__set_pin_path(map, null);
    // libbpf fills ".kconfig" when it creates it.
    if (mapped === ".kconfig") continue;
    check(libbpf().bpf_map__reuse_fd(map, standIn), { call: "bpf_map__reuse_fd", action: `Cannot prepare the map "${mapped}"` });
  }
  return { opened, maps };
}

function createStandIn(): number {
  const attempt = { call: "BPF_MAP_CREATE", action: "Cannot create a map" };
  return check(libbpf().bpf_map_create(2, "sl_stand_in", 4, 4, 1, { sz: sizes.mapCreateOptions }), attempt);
}

function identify(object: Uint8Array, name: string, section: string): Pick<RelocatedProgram, "name" | "license" | "frags"> {
  return { name, license: checkObject(object).license, frags: asksForFrags(section) };
}

function readPrepared(
  name: string,
  { opened, maps }: Arranged,
  prepared: PreparedProgram,
): Omit<RelocatedProgram, "name" | "license" | "frags"> {
  const byFd = new Map([...maps].map(([map, name]) => [libbpf().bpf_map__fd(map), name]));
  const instructions = nameMaps(name, decodeInstructions(prepared.instructions), byFd);
  const kconfig = [...maps].find(([, name]) => name === ".kconfig" && instructions.some(({ map }) => map === name));
  return {
    instructions,
    btf: readBtf(opened),
    functions: records(prepared.functionInfo, ([instruction, type]) => ({ instruction, type })),
    lines: records(prepared.lineInfo, ([instruction, file, line, position]) => ({ instruction, file, line, position })),
    processedInstructions: null,
    ...(kconfig === undefined ? {} : { kconfig: readContents(kconfig[0]) }),
  };
}

function readContents(map: bigint): Uint8Array {
  const contents = libbpf().bpf_map__initial_value(map, new BigUint64Array(1));
  return contents === null ? new Uint8Array(0) : copyMemory(contents, libbpf().bpf_map__value_size(map));
}

/** Maps by name instead of fd. A reference to a map's value has the offset into it in its second slot, which stays. */
function nameMaps(program: string, instructions: readonly Instruction[], maps: ReadonlyMap<number, string>): Instruction[] {
  const named = [...instructions];
  for (const [index, instruction] of eachInstruction(instructions)) {
    if (!namesMap(instruction)) continue;
    // From libbpf 1.4 on, a map that is not reused (".kconfig") has an fd here already and says -1 until the load is over.
    const map = maps.get(instruction.imm) ?? maps.get(-1);
    if (map === undefined) throw noSuchMap(program, index, instruction);
    named[index] = { ...instruction, imm: 0, map };
  }
  return named;
}

/** The compiler leaves a 0 there, and a relocation that says which map. */
function noSuchMap(program: string, index: number, { imm }: Instruction): KernelError {
  const message = `Cannot relocate "${program}": instruction ${index} names fd ${imm}, which is no map of the object`;
  return new KernelError(message, { call: "bpf_object__load", errno: "EINVAL" });
}

function namesMap({ opcode, src }: Instruction): boolean {
  return opcode === wideOpcode && (src === wideKinds.map || src === wideKinds.mapValue);
}

type Record4 = readonly [number, number, number, number];

function records<Result>({ bytes, count, recordSize }: InfoRecords, read: (words: Record4) => Result): Result[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // struct bpf_func_info has two words, struct bpf_line_info four.
  const word = (record: number, index: number): number =>
    index * 4 < recordSize ? view.getUint32(record * recordSize + index * 4, true) : 0;
  return Array.from({ length: count }, (_, at) => read([word(at, 0), word(at, 1), word(at, 2), word(at, 3)]));
}

function findProgram(opened: bigint, name: string): bigint {
  const names: string[] = [];
  for (const program of programsOf(opened)) {
    const candidate = libbpf().bpf_program__name(program);
    if (candidate === name) return program;
    names.push(`"${candidate}"`);
  }
  const message = `Cannot relocate "${name}": the object has no such function, only ${names.join(", ")}`;
  throw new KernelError(message, { call: "bpf_object__load", errno: "ENOENT" });
}

/** libbpf stops before the load for a reason that it only prints. */
function notRelocated(name: string, lines: readonly string[]): KernelError {
  const said = lines.map((line) => line.replace(/^libbpf: /, "")).filter((line) => !/^failed to load object/.test(line));
  const reason = said.at(-1) ?? "libbpf gave no reason";
  return new KernelError(`Cannot relocate "${name}": ${reason}`, { call: "bpf_object__load", errno: "EINVAL", log: lines.join("\n") });
}
