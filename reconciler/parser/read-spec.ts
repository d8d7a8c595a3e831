// SPDX-License-Identifier: Apache-2.0
import { checkObject } from "../../bpf/object/check-object.ts";
import { isWord } from "../../bpf/object/relocated-text.ts";
import type { MapDefinition, MapSpec, ObjectSpec, ProgramSpec } from "../../bpf/object/spec.ts";
import { expect } from "./wrong-answer.ts";

/** What a process that may be in somebody else's hand says of an object: it has the form of a spec. Throws WrongAnswer. */
export function readSpec({ digest, programs, maps, btf }: ObjectSpec, elf: Uint8Array): ObjectSpec {
  expect(btf === null || btf instanceof Uint8Array, "BTF");
  return { digest, license: checkObject(elf).license, programs: programs.map(readProgram), maps: maps.map(readMap), btf };
}

function readProgram({ name, section, type, frags, heldIn }: ProgramSpec): ProgramSpec {
  expect([name, section].every(isText) && ["xdp", "tc", "foreign", "other"].includes(type) && typeof frags === "boolean", "program");
  if (heldIn === undefined) return { name, section, type, frags };
  expect(["devmap", "cpumap"].includes(heldIn), "program");
  return { name, section, type, frags, heldIn };
}

function readMap({ name, role, definition, initial, pinPath }: MapSpec): MapSpec {
  expect(isText(name) && ["map", "rodata", "data", "bss", "kconfig"].includes(role) && (pinPath === null || isText(pinPath)), "map");
  expect(initial === null || (initial instanceof Uint8Array && initial.length === definition.valueSize), "map");
  return { name, role, definition: readDefinition(definition), initial, pinPath };
}

function readDefinition({ type, inner, ...numbers }: MapDefinition): MapDefinition {
  const { keySize, valueSize, maxEntries, flags, btfKey, btfValue } = numbers;
  expect(isText(type) && [keySize, valueSize, maxEntries, flags, btfKey, btfValue].every(isWord), "map");
  return { type, keySize, valueSize, maxEntries, flags, btfKey, btfValue, inner: inner === null ? null : readDefinition(inner) };
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
