// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libbpf } from "../libbpf-ffi/library.ts";
import type { MapDefinition } from "../object/spec.ts";
import { openAnyPin, withFd } from "./fds.ts";
import { mapInfo } from "./info.ts";
import { createFrozenArray } from "./map-creation.ts";
import { pinAt } from "./pinning.ts";
import { refusal } from "./refusal.ts";

/** Creates and pins a frozen one-entry array; content with one of the same value that is pinned there already. */
export function pinFrozenMap(pin: string, name: string, value: Uint8Array): void {
  if (holds(pin, value)) return;
  withFd(createFrozenArray({ name, definition: definitionFor(value), btf: null }, value), (fd) => pinAt(fd, pin));
}

function definitionFor(value: Uint8Array): MapDefinition {
  return { type: "array", keySize: 4, valueSize: value.length, maxEntries: 1, flags: 0, btfKey: 0, btfValue: 0, inner: null };
}

function holds(pin: string, value: Uint8Array): boolean {
  const opened = openAnyPin(pin);
  if (opened === null) return false;
  return withFd(opened.fd, (fd) => {
    if (opened.kind === "map" && mapInfo(fd).valueSize === value.length && Buffer.from(value).equals(readOnly(fd, value.length)))
      return true;
    const attempt = { call: "BPF_OBJ_PIN", action: `Cannot create a frozen map at "${pin}"` };
    throw refusal(constants.errno.EEXIST, attempt, `a ${opened.kind} with other contents is pinned there`);
  });
}

function readOnly(fd: number, length: number): Uint8Array {
  const value = new Uint8Array(length);
  libbpf().bpf_map_lookup_elem(fd, new Uint8Array(4), value);
  return value;
}
