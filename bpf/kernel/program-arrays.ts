// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libbpf } from "../libbpf-ffi/library.ts";
import { openPin, withFd } from "./fds.ts";
import { mapInfo, programInfo } from "./info.ts";
import type { ArrayedProgram } from "./kernel.ts";
import { check, refusal } from "./refusal.ts";

/** Fills a program array, and freezes it when asked to; content with a frozen one that holds these programs. */
export function fillProgramArray(pin: string, programs: readonly ArrayedProgram[], freeze: boolean): void {
  withFd(openPin(pin, "map"), (map) => {
    const { type } = mapInfo(map);
    const attempt = { call: "BPF_MAP_UPDATE_ELEM", action: `Cannot fill the program array pinned at "${pin}"` };
    if (type !== "prog_array") throw refusal(constants.errno.EINVAL, attempt, `a map of the type ${type} is pinned there`);
    // Pins that lead nowhere are noticed before anything is written.
    for (const { program } of programs) withFd(openPin(program, "program"), () => undefined);
    const changed = programs.filter(({ index, program }) => putProgram(map, index, program, attempt.action));
    if (!freeze) return;
    const frozen = libbpf().bpf_map_freeze(map);
    // Freezing is writing, and what is frozen cannot be written.
    if (frozen === -constants.errno.EPERM && changed.length === 0) return;
    check(frozen, { call: "BPF_MAP_FREEZE", action: `Cannot freeze the program array pinned at "${pin}"` });
  });
}

/** False when the program is there already. What user space writes is an fd, what it reads is an id. */
function putProgram(map: number, index: number, pin: string, action: string): boolean {
  return withFd(openPin(pin, "program"), (program) => {
    const key = Uint32Array.of(index);
    const held = new Uint32Array(1);
    if (libbpf().bpf_map_lookup_elem(map, key, held) === 0 && held[0] === programInfo(program).id) return false;
    const attempt = { call: "BPF_MAP_UPDATE_ELEM", action: `${action} with "${pin}"` };
    check(libbpf().bpf_map_update_elem(map, key, Uint32Array.of(program), 0), attempt);
    return true;
  });
}
