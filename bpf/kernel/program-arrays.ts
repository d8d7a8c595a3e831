// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libbpf } from "../libbpf-ffi/library.ts";
import { holdsPrograms } from "../object/map-types.ts";
import { openPin, withFd } from "./fds.ts";
import { mapInfo, programInfo } from "./info.ts";
import type { ArrayedProgram } from "./kernel.ts";
import { check, refusal } from "./refusal.ts";

/** Fills a map of programs, and freezes it when asked to; content with a frozen one that holds these programs. */
export function fillProgramArray(pin: string, programs: readonly ArrayedProgram[], freeze: boolean): void {
  withFd(openPin(pin, "map"), (map) => {
    const { type, valueSize } = mapInfo(map);
    const attempt = { call: "BPF_MAP_UPDATE_ELEM", action: `Cannot fill the program array pinned at "${pin}"` };
    if (!holdsPrograms(type, valueSize)) throw refusal(constants.errno.EINVAL, attempt, `a map of the type ${type} is pinned there`);
    // Pins that lead nowhere are noticed before anything is written.
    for (const { program } of programs) if (program !== null) withFd(openPin(program, "program"), () => undefined);
    const changed = programs.filter((entry) => putProgram(map, entry, attempt.action));
    if (!freeze) return;
    const frozen = libbpf().bpf_map_freeze(map);
    // Freezing is writing, and what is frozen cannot be written.
    if (frozen === -constants.errno.EPERM && changed.length === 0) return;
    check(frozen, { call: "BPF_MAP_FREEZE", action: `Cannot freeze the program array pinned at "${pin}"` });
  });
}

/** False when the entry is there already. What user space writes of a program is an fd, what it reads is an id. */
function putProgram(map: number, { index, program, first }: ArrayedProgram, action: string): boolean {
  if (program === null) return putValue(map, index, valueOf(first, 0), valueOf(first, 0), `${action} at ${index}`);
  return withFd(openPin(program, "program"), (fd) =>
    putValue(map, index, valueOf(first, programInfo(fd).id), valueOf(first, fd), `${action} with "${program}"`),
  );
}

function putValue(map: number, index: number, expected: Uint32Array, value: Uint32Array, action: string): boolean {
  const key = Uint32Array.of(index);
  const held = new Uint32Array(value.length);
  if (libbpf().bpf_map_lookup_elem(map, key, held) === 0 && Buffer.compare(bytesOf(held), bytesOf(expected)) === 0) return false;
  check(libbpf().bpf_map_update_elem(map, key, value, 0), { call: "BPF_MAP_UPDATE_ELEM", action });
  return true;
}

function valueOf(first: number | undefined, program: number): Uint32Array {
  return first === undefined ? Uint32Array.of(program) : Uint32Array.of(first, program);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer);
}
