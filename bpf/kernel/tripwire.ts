// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeSync } from "node:fs";
import { errnoName, lastErrno } from "../libbpf-ffi/errno.ts";
import type { Pointer } from "../libbpf-ffi/functions.ts";
import { libc } from "../libbpf-ffi/libc.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { captureMessages } from "../libbpf-ffi/messages.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { mapName, mapsOf, programsOf } from "../object/with-object.ts";
import { effectiveCapabilities } from "./capabilities.ts";
import { KernelError } from "./kernel-error.ts";
import { check } from "./refusal.ts";
import { type RingBuffer, readRingBuffer } from "./ring-buffer.ts";

/** Hears of calls by which other processes change maps and links, and remove, rename or unmount pins. It is this process's own, and goes with it. */
export interface Tripwire {
  /** Replaces what is watched. What is not watched is not told. */
  watch(things: Watched): void;
  /** What has come since the last time, in order; never waits. */
  read(): readonly TripwireEvent[];
  /** Resolves when there is something to read, or after wake(). */
  wait(): Promise<void>;
  /** Ends a wait. */
  wake(): void;
  /** Nobody may wait any more. */
  close(): void;
}

export interface Watched {
  /** Ids. */
  readonly maps: readonly number[];
  readonly links: readonly number[];
  /** By nameId: last parts of paths, wherever these are. */
  readonly names: readonly number[];
}

/** A call that has succeeded. */
export interface TripwireEvent {
  /** "BPF_MAP_UPDATE_ELEM", "unlink". */
  readonly call: string;
  /** name: something that is called like that was removed, renamed or unmounted, or another file was renamed to it. */
  readonly kind: "map" | "link" | "name";
  readonly id: number;
  /** Of the process, as this process's namespace does not know it: the machine's. */
  readonly pid: number;
  readonly uid: number;
  /** Its name, 15 bytes at most. */
  readonly command: string;
  /** The id of its cgroup. */
  readonly cgroup: bigint;
  /** Nanoseconds since the machine started. */
  readonly time: bigint;
}

/** By their numbers in enum bpf_cmd, and those of the program for what is no command: all that it tells of. */
const calls: Readonly<Record<number, string>> = {
  2: "BPF_MAP_UPDATE_ELEM",
  3: "BPF_MAP_DELETE_ELEM",
  21: "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
  22: "BPF_MAP_FREEZE",
  25: "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
  26: "BPF_MAP_UPDATE_BATCH",
  27: "BPF_MAP_DELETE_BATCH",
  29: "BPF_LINK_UPDATE",
  34: "BPF_LINK_DETACH",
  1000: "unlink",
  1001: "rename",
  1002: "umount",
};

const kinds = { map: 1, link: 2, process: 3, name: 4 } as const;
/** A process that ends without wake() is held up by so many milliseconds. */
const longestWait = 5_000;
const tracefs = "/sys/kernel/tracing";

/** What the tripwire knows a name by: FNV-1a of its bytes, so that two names may have the same one. */
export function nameId(name: string): number {
  let hash = 2166136261;
  for (const byte of Buffer.from(name, "utf8")) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/**
 * Loads the tripwire and attaches it to the tracepoints of system calls. Needs CAP_PERFMON and tracefs, which is mounted where it is not.
 * Throws KernelError where the machine does not allow it. The caller closes it.
 */
export function openTripwire(elf: Uint8Array): Tripwire {
  ensureTracefs();
  const object = libbpf().bpf_object__open_mem(elf, elf.length, { sz: sizes.openOptions, object_name: "sl_watch" });
  if (object === null) throw refused("bpf_object__open_mem", lastErrno(), []);
  const links: Pointer[] = [];
  let events: RingBuffer | null = null;
  const bell = libc().eventfd();
  const close = (): void => {
    libc().close(bell);
    events?.close();
    for (const link of links) libbpf().bpf_link__destroy(link);
    libbpf().bpf_object__close(object);
  };
  try {
    const { lines } = captureMessages(() => attachAll(object, links));
    if (links.includes(null)) throw refused("bpf_program__attach", lastErrno(), lines);
    const maps = new Map([...mapsOf(object)].map((map) => [mapName(map), libbpf().bpf_map__fd(map)]));
    events = readRingBuffer(maps.get("events") ?? -1, "events of the tripwire");
    const watched = maps.get("watched") ?? -1;
    put(watched, kinds.process, process.pid);
    const ring = events;
    return {
      watch: replaceWatched(watched),
      read: () => ring.read().map(readEvent),
      async wait() {
        while ((await libc().readable([ring.fd, bell], longestWait)) === 0);
      },
      wake() {
        writeSync(bell, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Why it cannot be opened here; null when it can. Mounts nothing: where tracefs is missing, one who may mount it counts as one who has. */
export function refusesTripwire(elf: Uint8Array): string | null {
  if (!isMounted()) return effectiveCapabilities().has("sys_admin") ? null : `tracefs is not mounted at ${tracefs}`;
  try {
    openTripwire(elf).close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isMounted(): boolean {
  return existsSync(`${tracefs}/events/syscalls/sys_enter_bpf`);
}

function attachAll(object: bigint, links: Pointer[]): void {
  const loaded = libbpf().bpf_object__load(object);
  if (loaded < 0) throw refused("bpf_object__load", -loaded, []);
  for (const program of programsOf(object)) {
    const tracepoint = `sys_${libbpf().bpf_program__name(program)}`;
    // unlink(2) and rename(2) are not on every architecture.
    if (existsSync(`${tracefs}/events/syscalls/${tracepoint}`)) links.push(libbpf().bpf_program__attach(program));
  }
}

/** libbpf reads there which number a tracepoint has. */
function ensureTracefs(): void {
  if (isMounted() || !existsSync(tracefs)) return;
  check(libc().mount("tracefs", tracefs, "tracefs", 0, ""), { call: "mount", action: `Cannot mount tracefs at "${tracefs}"` });
}

function refused(call: string, errno: number, lines: readonly string[]): KernelError {
  const said = lines.map((line) => line.replace(/^libbpf: /, "")).at(-1);
  return new KernelError(`Cannot watch system calls: ${said ?? errnoName(errno)}`, { call, errno: errnoName(errno) });
}

/** Adds and removes what differs from the last time. */
function replaceWatched(map: number): Tripwire["watch"] {
  let known = new Set<string>();
  return ({ maps, links, names }) => {
    const all = [
      [kinds.map, maps],
      [kinds.link, links],
      [kinds.name, names],
    ] as const;
    const wanted = new Set(all.flatMap(([kind, ids]) => ids.map((id) => `${kind} ${id}`)));
    for (const thing of wanted) if (!known.has(thing)) put(map, ...parts(thing));
    for (const thing of known) if (!wanted.has(thing)) libbpf().bpf_map_delete_elem(map, key(...parts(thing)));
    known = wanted;
  };
}

function parts(thing: string): [number, number] {
  const [kind = 0, id = 0] = thing.split(" ").map(Number);
  return [kind, id];
}

function put(map: number, kind: number, id: number): void {
  check(libbpf().bpf_map_update_elem(map, key(kind, id), Uint8Array.of(1), 0), {
    call: "BPF_MAP_UPDATE_ELEM",
    action: "Cannot tell the tripwire what to watch",
  });
}

function key(kind: number, id: number): Uint32Array {
  return Uint32Array.of(kind, id);
}

/** struct event of bpf/programs/tripwire. */
function readEvent(bytes: Uint8Array): TripwireEvent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = buffer.subarray(40, 56);
  const end = name.indexOf(0);
  return {
    time: buffer.readBigUInt64LE(0),
    cgroup: buffer.readBigUInt64LE(8),
    call: calls[buffer.readUInt32LE(16)] ?? "bpf(2)",
    kind: kindOf(buffer.readUInt32LE(20)),
    id: buffer.readUInt32LE(24),
    pid: buffer.readUInt32LE(28),
    uid: buffer.readUInt32LE(36),
    command: name.toString("utf8", 0, end < 0 ? name.length : end),
  };
}

function kindOf(number: number): TripwireEvent["kind"] {
  return number === kinds.link ? "link" : number === kinds.name ? "name" : "map";
}
