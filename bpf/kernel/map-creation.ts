// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { mapFlag } from "../libbpf-ffi/constants.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { mapTypeNumber } from "../object/map-types.ts";
import type { MapDefinition } from "../object/spec.ts";
import { withBtf } from "./btf-objects.ts";
import { openAnyPin, openPin, withFd } from "./fds.ts";
import { type MapInfo, mapInfo } from "./info.ts";
import type { MapRequest } from "./kernel.ts";
import { pinAt } from "./pinning.ts";
import { type Attempt, check, refusal } from "./refusal.ts";

/** Creates and pins a map; content with one of the same definition that is pinned there already. */
export function createPinnedMap(pin: string, request: MapRequest): void {
  if (isPinned(pin, request.definition)) return;
  const other = request.sameAs?.find((path) => isPinned(path, request.definition));
  withFd(other === undefined ? createMap(request) : openPin(other, "map"), (fd) => pinAt(fd, pin));
}

/** Creates a map and gives its fd, which the caller closes. */
function createMap({ name, definition, btf }: MapRequest): number {
  const attempt = { call: "BPF_MAP_CREATE", action: `Cannot create the ${definition.type} map "${name}"` };
  if (definition.inner === null) return createWithTypes(name, definition, btf, 0, attempt);
  const template = createMap({ name: `${name.slice(0, 9)}_inner`, definition: definition.inner, btf });
  return withFd(template, (inner) => createWithTypes(name, definition, btf, inner, attempt));
}

/** Creates a one-entry array of `value` that no process and no program can change any more, and gives its fd. */
export function createFrozenArray(request: MapRequest, value: Uint8Array): number {
  const fd = createMap(request);
  const fill = { call: "BPF_MAP_UPDATE_ELEM", action: `Cannot fill the map "${request.name}"` };
  try {
    check(libbpf().bpf_map_update_elem(fd, new Uint8Array(4), value, 0), fill);
    check(libbpf().bpf_map_freeze(fd), { call: "BPF_MAP_FREEZE", action: `Cannot freeze the map "${request.name}"` });
    return fd;
  } catch (error) {
    return withFd(fd, () => {
      throw error;
    });
  }
}

function isPinned(pin: string, definition: MapDefinition): boolean {
  const opened = openAnyPin(pin);
  if (opened === null) return false;
  return withFd(opened.fd, (fd) => {
    const attempt = { call: "BPF_OBJ_GET", action: `Cannot create a map at "${pin}"` };
    if (opened.kind !== "map") throw refusal(constants.errno.EEXIST, attempt, `a ${opened.kind} is pinned there`);
    const difference = differs(mapInfo(fd), definition);
    if (difference !== null) throw refusal(constants.errno.EEXIST, attempt, `the map pinned there ${difference}`);
    return true;
  });
}

function differs(actual: MapInfo, definition: MapDefinition): string | null {
  const expected = [
    ["type", actual.type, definition.type],
    ["key size", actual.keySize, definition.keySize],
    ["value size", actual.valueSize, definition.valueSize],
    ["number of entries", actual.maxEntries, entriesToAskFor(definition)],
    ["flags", withoutAdded(actual), definition.flags],
  ] as const;
  const found = expected.find(([, is, wanted]) => is !== wanted);
  return found === undefined ? null : `has the ${found[0]} ${found[1]}, expected ${found[2]}`;
}

/** A devmap says BPF_F_RDONLY_PROG although nobody asked for it. */
function withoutAdded({ type, flags }: MapInfo): number {
  return type.startsWith("devmap") ? flags & ~mapFlag.readOnlyProgram : flags;
}

/** A perf_event_array may leave its size to the number of CPUs. */
function entriesToAskFor({ type, maxEntries }: MapDefinition): number {
  return type === "perf_event_array" && maxEntries === 0 ? libbpf().libbpf_num_possible_cpus() : maxEntries;
}

function createWithTypes(name: string, definition: MapDefinition, btf: Uint8Array | null, inner: number, attempt: Attempt): number {
  const typed = definition.btfKey !== 0 || definition.btfValue !== 0;
  if (btf !== null && typed) {
    const types = { btf_key_type_id: definition.btfKey, btf_value_type_id: definition.btfValue };
    const result = withBtf(btf, (fd) => create(name, definition, { ...types, btf_fd: fd, inner_map_fd: inner }, attempt));
    // Some types of map take no BTF; which ones depends on the kernel.
    if (result !== null && result >= 0) return result;
  }
  return check(create(name, definition, { inner_map_fd: inner }, attempt), attempt);
}

function create(name: string, definition: MapDefinition, options: Readonly<Record<string, number>>, attempt: Attempt): number {
  const type = mapTypeNumber(definition.type);
  if (type === null) throw refusal(constants.errno.EINVAL, attempt, "no such type of map is known");
  const { keySize, valueSize, flags } = definition;
  const all = { sz: sizes.mapCreateOptions, map_flags: flags, ...options };
  return libbpf().bpf_map_create(type, name, keySize, valueSize, entriesToAskFor(definition), all);
}
