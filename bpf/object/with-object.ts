// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../kernel/kernel-error.ts";
import { errnoName, errnoText, lastErrno } from "../libbpf-ffi/errno.ts";
import type { Pointer } from "../libbpf-ffi/functions.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { captureMessages } from "../libbpf-ffi/messages.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { checkObject } from "./check-object.ts";

/**
 * libbpf puts the object's name before ".rodata", ".data", ".bss" and ".kconfig", and cuts the whole to 15 bytes. With one letter
 * nothing is cut, and what stands after the first dot is the section's name.
 */
const objectName = "o";

/**
 * Opens an ELF object with libbpf for as long as `use` runs. Needs no privilege. Throws KernelError "bpf_object__open_mem" for
 * what is no eBPF object.
 */
export function withObject<Result>(elf: Uint8Array, use: (object: bigint) => Result): Result {
  checkObject(elf);
  const { result: object, lines } = captureMessages(() => open(elf));
  if (typeof object === "number") throw unreadable(elf, object, lines);
  try {
    return use(object);
  } finally {
    libbpf().bpf_object__close(object);
  }
}

/** The programs of an object, in the order of its sections. */
export function* programsOf(object: bigint): Generator<bigint> {
  yield* each((previous) => libbpf().bpf_object__next_program(object, previous));
}

/** The maps of an object, those of global variables among them. */
export function* mapsOf(object: bigint): Generator<bigint> {
  yield* each((previous) => libbpf().bpf_object__next_map(object, previous));
}

/** Name of a map as the source has it: the C variable, or the ELF section of global variables. */
export function mapName(map: bigint): string {
  const name = libbpf().bpf_map__name(map);
  if (!libbpf().bpf_map__is_internal(map) || name.startsWith(".")) return name;
  return name.slice(objectName.length);
}

function* each(next: (previous: Pointer) => Pointer): Generator<bigint> {
  for (let found = next(null); found !== null; found = next(found)) yield found;
}

function open(elf: Uint8Array): bigint | number {
  const object = libbpf().bpf_object__open_mem(elf, elf.length, { sz: sizes.openOptions, object_name: objectName });
  return object ?? -lastErrno();
}

function unreadable(elf: Uint8Array, errno: number, lines: readonly string[]): KernelError {
  const said = lines.map((line) => line.replace(/^libbpf: /, "")).at(-1);
  return new KernelError(`Cannot read the eBPF object of ${elf.length} bytes: ${said ?? errnoText(errno)}`, {
    call: "bpf_object__open_mem",
    errno: errnoName(errno),
    log: lines.length === 0 ? null : lines.join("\n"),
  });
}
