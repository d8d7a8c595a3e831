// SPDX-License-Identifier: Apache-2.0

/** What an ELF object says of itself: the same on every host, read without any privilege and without touching the kernel. */
export interface ObjectSpec {
  /** sha256 of the file, hex. */
  readonly digest: string;
  readonly license: string;
  readonly programs: readonly ProgramSpec[];
  readonly maps: readonly MapSpec[];
  /** Raw BTF with DATASEC sizes filled in; null when the object was built without -g. */
  readonly btf: Uint8Array | null;
}

export interface ProgramSpec {
  /** The C function. */
  readonly name: string;
  /** ELF section, as written in SEC(). */
  readonly section: string;
  /** What the section name says: "foreign" for what runs at no hook of an interface, "other" for sections libbpf does not know (the hook decides then). */
  readonly type: "xdp" | "tc" | "foreign" | "other";
  /** The section asked for XDP frags ("xdp.frags"). */
  readonly frags: boolean;
  /** It runs from an entry of such a map, after bpf_redirect_map(), and not at a hook. */
  readonly heldIn?: HeldIn;
}

/** Maps whose values may hold an XDP program: it sees packets before they leave by the device, or when they arrive at the CPU. */
export type HeldIn = "devmap" | "cpumap";

export interface MapSpec {
  /** The C variable; ".rodata", ".data", ".bss", ".rodata.x" for the maps of global variables; ".kconfig" for externs. */
  readonly name: string;
  readonly role: "map" | "rodata" | "data" | "bss" | "kconfig";
  readonly definition: MapDefinition;
  /** First contents of a map of global variables; null for others. */
  readonly initial: Uint8Array | null;
  /** Where the object wants it pinned (LIBBPF_PIN_BY_NAME); null when it does not say. */
  readonly pinPath: string | null;
}

export interface MapDefinition {
  /** As bpftool prints it: "hash", "array", "percpu_array", "lpm_trie", "lru_hash", "prog_array", "array_of_maps", "ringbuf", … */
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Type ids in the object's BTF; 0 when there are none. */
  readonly btfKey: number;
  readonly btfValue: number;
  /** The template of a map-in-map; null for others. */
  readonly inner: MapDefinition | null;
}
