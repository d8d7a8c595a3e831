// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { libbpf } from "../libbpf-ffi/library.ts";
import { copyMemory } from "../libbpf-ffi/memory.ts";
import { checkObject } from "./check-object.ts";
import { mapTypeName } from "./map-types.ts";
import type { HeldIn, MapDefinition, MapSpec, ObjectSpec, ProgramSpec } from "./spec.ts";
import { mapName, mapsOf, programsOf, withObject } from "./with-object.ts";

/**
 * Reads what an ELF object says of itself, without privilege and the same on every host. Throws KernelError
 * "bpf_object__open_mem", with libbpf's own words as its log, for what is not an eBPF object.
 */
export function openObject(elf: Uint8Array): ObjectSpec {
  return withObject(elf, (object) => ({
    digest: createHash("sha256").update(elf).digest("hex"),
    license: checkObject(elf).license,
    programs: [...programsOf(object)].map(readProgram),
    maps: [...mapsOf(object)].map(readMap),
    btf: readBtf(object),
  }));
}

/** The BTF of an opened object as it stands there now; null when it was built without -g. */
export function readBtf(object: bigint): Uint8Array | null {
  const btf = libbpf().bpf_object__btf(object);
  if (btf === null) return null;
  const size = new Uint32Array(1);
  const data = libbpf().btf__raw_data(btf, size);
  return data === null ? null : copyMemory(data, size[0] as number);
}

/** SEC("xdp.frags"): the program can see packets of several fragments. */
export function asksForFrags(section: string): boolean {
  return /^xdp\.frags(\/|$)/.test(section);
}

function readProgram(program: bigint): ProgramSpec {
  const section = libbpf().bpf_program__section_name(program);
  const heldIn = mapThatHolds(section);
  return {
    name: libbpf().bpf_program__name(program),
    section,
    type: programType(section),
    frags: asksForFrags(section),
    ...(heldIn === null ? {} : { heldIn }),
  };
}

/** From the name alone, because releases of libbpf differ in the sections they know. */
function programType(section: string): ProgramSpec["type"] {
  if (/^xdp(\.frags|_devmap|_cpumap)?(\/|$)/.test(section)) return "xdp";
  if (/^(tc|tcx|classifier|action)(\/|$)/.test(section)) return "tc";
  return foreign.test(section) ? "foreign" : "other";
}

/** Sections of the programs that libbpf knows and that see something else than the packets of an interface, or see them elsewhere. */
const foreign = new RegExp(
  `^(${[
    "[ku](ret)?probe|k(ret)?syscall|usdt|tracepoint|tp|raw_tracepoint|raw_tp|tp_btf|fentry|fexit|fmod_ret|freplace|lsm|lsm_cgroup|iter|syscall",
    "perf_event|socket|sk_skb|sk_msg|sk_reuseport|sk_lookup|sockops|lwt_(in|out|xmit|seg6local)|lirc_mode2|flow_dissector|struct_ops",
    "netfilter|cgroup|cgroup_skb",
  ].join("|")})(\\.[a-z]+)*(/|$)`,
);

/** SEC("xdp/devmap"), and "xdp_devmap/x" of older libbpf. */
function mapThatHolds(section: string): HeldIn | null {
  const [, kind] = /^xdp(?:\.frags)?[/_](devmap|cpumap)(?:\/|$)/.exec(section) ?? [];
  return kind === undefined ? null : (kind as HeldIn);
}

function readMap(map: bigint): MapSpec {
  const name = mapName(map);
  const role = libbpf().bpf_map__is_internal(map) ? globalsRole(name) : "map";
  const definition = readDefinition(map);
  const initial = role === "map" || role === "kconfig" ? null : readInitial(map, definition.valueSize);
  return { name, role, definition, initial, pinPath: libbpf().bpf_map__pin_path(map) };
}

function globalsRole(name: string): MapSpec["role"] {
  if (name.startsWith(".rodata")) return "rodata";
  if (name.startsWith(".bss")) return "bss";
  return name === ".kconfig" ? "kconfig" : "data";
}

function readDefinition(map: bigint): MapDefinition {
  const library = libbpf();
  const inner = library.bpf_map__inner_map(map);
  return {
    type: mapTypeName(library.bpf_map__type(map)),
    keySize: library.bpf_map__key_size(map),
    valueSize: library.bpf_map__value_size(map),
    maxEntries: library.bpf_map__max_entries(map),
    flags: library.bpf_map__map_flags(map),
    btfKey: library.bpf_map__btf_key_type_id(map),
    btfValue: library.bpf_map__btf_value_type_id(map),
    inner: inner === null ? null : readDefinition(inner),
  };
}

function readInitial(map: bigint, valueSize: number): Uint8Array {
  const contents = libbpf().bpf_map__initial_value(map, new BigUint64Array(1));
  return contents === null ? new Uint8Array(valueSize) : copyMemory(contents, valueSize);
}
