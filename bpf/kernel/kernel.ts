// SPDX-License-Identifier: Apache-2.0
import type { LinkedChain } from "../chain/linked-chain.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { HeldIn, MapDefinition } from "../object/spec.ts";
import type { Entries } from "./entries.ts";

/**
 * The only door to the kernel. Values in and out: objects are named by pin path, never by fd; a failing call throws KernelError
 * and has changed nothing. Every method that changes something can be asked again for what is already so, and then does nothing,
 * because a journal is replayed after a crash.
 */
export interface Kernel {
  /** Network devices of this namespace. */
  devices(): Promise<readonly Device[]>;
  /** Programs that run at a hook of a device, first one first, whoever attached them; the running mode where it is XDP. */
  attached(device: string, hook: HookKind): Promise<readonly AttachedProgram[]>;
  /** Every pin below a directory (absolute, on a bpffs), in path order; none when the directory does not exist. */
  pins(directory: string): Promise<readonly Pin[]>;
  /** All entries of a map. Per-CPU values come as one value after another, one per possible CPU, each rounded up to 8 bytes. */
  readMap(map: string): Promise<Entries>;

  /** Creates a map and pins it. Refused when another kind of object, or a map of another definition, holds the path. */
  createMap(pin: string, request: MapRequest): Promise<void>;
  /**
   * Deletes, then puts; in batches where the map type has them. Deleting an absent key is not an error. The one call that can fail
   * half-way: entries before the refused one stay written. A frozen map is content with what it holds already.
   */
  writeMap(map: string, puts: Entries, deletes: Entries): Promise<void>;
  /** Creates a one-entry array of `value` that nobody can change any more, and pins it. */
  createFrozenMap(pin: string, name: string, value: Uint8Array): Promise<void>;
  /**
   * Puts programs into a program array, devmap or cpumap; `freeze` says that nobody can change it any more. Refused when they are not
   * all of one kind (hook, frags). The kernel empties a program array when its last pin goes.
   */
  fillProgramArray(map: string, programs: readonly ArrayedProgram[], options: { readonly freeze: boolean }): Promise<void>;
  /** Loads one function of an object alone, gives its relocated instructions back, and lets it go. Throws with the verifier's log. */
  relocate(request: RelocateRequest): Promise<RelocatedProgram>;
  /** Loads a linked chain and pins the program. */
  load(pin: string, request: LoadRequest): Promise<void>;

  /** Creates the one link of a hook and pins it. Another link that is attached and holds the path is refused, anything else replaced. */
  attach(pin: string, request: AttachRequest): Promise<void>;
  /** One BPF_LINK_UPDATE from the program pinned at `from` to the one at `to`; refused when the link holds a third. null takes over from whatever is there. */
  switchLink(pin: string, from: string | null, to: string): Promise<void>;
  /**
   * Loads a function of an object, attaches it to a raw tracepoint and pins the link; it runs until the pin is removed. Content with a
   * link that is pinned there already. A map ".rodata.namespace" of one u64 gets the inode of this process's network namespace.
   */
  watch(pin: string, request: WatchRequest): Promise<void>;
  /** Detaches the link at once and removes its pin. */
  detach(pin: string): Promise<void>;
  /** Removes pins (programs, maps) and the directories that get empty. Absent ones are not an error. */
  unpin(paths: readonly string[]): Promise<void>;
  /** Runs a pinned program on one packet (BPF_PROG_TEST_RUN). */
  run(program: string, request: RunRequest): Promise<RunResult>;
}

export type HookKind = "xdp" | "tc-ingress" | "tc-egress";
export type XdpMode = "native" | "generic";

export interface ArrayedProgram {
  readonly index: number;
  /** Its pin; null, in a devmap or cpumap, for an entry without a program. */
  readonly program: string | null;
  /** What the value of a devmap (number of the device) or cpumap (size of the queue) starts with; not there in a program array. */
  readonly first?: number;
}

export interface Device {
  readonly name: string;
  readonly ifindex: number;
  /** Packets there begin with the IP header: tun, WireGuard, PPP. */
  readonly withoutEthernet?: true;
}

export interface AttachedProgram {
  readonly programId: number;
  readonly name: string;
  /** null when attached without a link (netlink). */
  readonly linkId: number | null;
  /** XDP only. */
  readonly mode: XdpMode | null;
}

export type Pin = ProgramPin | MapPin | LinkPin;

export interface ProgramPin {
  readonly kind: "program";
  readonly path: string;
  readonly id: number;
  readonly name: string;
  /** 16 hex digits; not comparable between kernels. */
  readonly tag: string;
  /** Ids of the maps it uses, ascending (bpf_prog_info.map_ids). */
  readonly maps: readonly number[];
  /** Instructions that the verifier walked through; null when this kernel does not say. */
  readonly verified: number | null;
}

export interface MapPin {
  readonly kind: "map";
  readonly path: string;
  readonly id: number;
  readonly name: string;
  /** As bpftool prints it. */
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Nobody can write to it any more, but for programs. */
  readonly frozen?: true;
}

export interface LinkPin {
  readonly kind: "link";
  readonly path: string;
  readonly id: number;
  readonly programId: number;
  /** 0 when the device is gone and the link is dead. */
  readonly ifindex: number;
}

export interface MapRequest {
  /** Kernel name, at most 15 bytes. */
  readonly name: string;
  readonly definition: MapDefinition;
  /** The object's BTF that the definition's type ids speak of. */
  readonly btf: Uint8Array | null;
  /** Pins of a map of the same definition. The first that is there is pinned a second time, and no new map is made. */
  readonly sameAs?: readonly string[];
}

export interface RelocateRequest {
  /** The ELF file. */
  readonly object: Uint8Array;
  readonly function: string;
  readonly hook: HookKind;
  /** Whole contents of maps of global variables that differ from the object's, by map name (".rodata"). */
  readonly globals: Readonly<Record<string, Uint8Array>>;
  /**
   * Whether the program that it becomes part of takes packets of several fragments; as its section says when absent. Maps that hold
   * programs are bound to one kind of them, so it must be verified as what it becomes.
   */
  readonly frags?: boolean;
  /** The map whose entries lead to it, when it does not run at the hook. */
  readonly heldIn?: HeldIn;
  /** Pins of the maps it uses, by map name. Every map of role "map", "data" and "bss" that the function uses must be here. */
  readonly maps: Readonly<Record<string, string>>;
}

export interface WatchRequest extends Pick<RelocateRequest, "object" | "function" | "globals" | "maps"> {
  /** Its name without the system's: "inet_sock_set_state". */
  readonly tracepoint: string;
  /** Iterators that are run then: one is shown every TCP socket of this network namespace, the other what one of the maps holds. */
  readonly recount?: { readonly standing: string; readonly gone: string; readonly map: string };
}

export interface LoadRequest {
  readonly chain: LinkedChain;
  /** The map whose entries will lead to it, when it does not run at the hook. */
  readonly heldIn?: HeldIn;
  /** What each map reference of the chain stands for. */
  readonly maps: Readonly<Record<string, MapBinding>>;
}

export type MapBinding = PinnedMap | ConstantMap;

export interface PinnedMap {
  readonly kind: "pinned";
  readonly path: string;
}

/** A map of constants (.rodata): made for this program, filled, frozen, and gone with it. */
export interface ConstantMap {
  readonly kind: "constant";
  readonly name: string;
  readonly definition: MapDefinition;
  readonly value: Uint8Array;
  readonly btf: Uint8Array | null;
}

export interface AttachRequest {
  readonly device: string;
  readonly hook: HookKind;
  readonly program: string;
  /** XDP only. "auto": native, and generic where the driver refuses. */
  readonly mode: XdpMode | "auto";
}

export interface RunRequest {
  readonly packet: Uint8Array;
  /** Default 1. The packet is not restored between repeats. */
  readonly repeat?: number;
  readonly ifindex?: number;
}

export interface RunResult {
  /** Signed: TCX_NEXT is -1. */
  readonly verdict: number;
  readonly packet: Uint8Array;
  /** Mean of the repeats, as the kernel reports it. */
  readonly nanoseconds: number;
}
