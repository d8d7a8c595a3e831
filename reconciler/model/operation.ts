// SPDX-License-Identifier: Apache-2.0
import type { FieldMove } from "../../bpf/btf/match-fields.ts";
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { MapRequest, XdpMode } from "../../bpf/kernel/kernel.ts";
import type { Generation } from "./generation.ts";
import type { Hook } from "./hook.ts";
import type { MapLayout } from "./map-layout.ts";
import type { Origin } from "./origin.ts";

/**
 * One kernel mutation, complete in itself: it names objects by pin path, never by fd, and carries what its inverse needs,
 * so undoing one never reads state.
 */
export type Operation = CreateMap | RemoveMap | WriteMap | CopyMap | ForgetCopy | Load | Unload | Attach | Detach | Switch;

export interface CreateMap {
  readonly kind: "create-map";
  readonly pin: string;
  readonly request: MapRequest;
}

/** Only ever the inverse of create-map: the map was never seen by traffic. */
export interface RemoveMap {
  readonly kind: "remove-map";
  readonly pin: string;
  readonly request: MapRequest;
}

/** Puts and deletes entries of one map; `before` and `absent` are its inverse. */
export interface WriteMap {
  readonly kind: "write-map";
  readonly pin: string;
  readonly puts: Entries;
  readonly deletes: Entries;
  /** The entries that puts overwrite and deletes remove, as they were. */
  readonly before: Entries;
  /** Keys of puts that were not there. */
  readonly absent: Entries;
}

/** Fills a new map with what its predecessor holds. What programs write to that one afterwards, until the switch, stays there. */
export interface CopyMap {
  readonly kind: "copy-map";
  readonly from: string;
  readonly to: string;
  readonly before: MapLayout;
  readonly after: MapLayout;
  readonly moves: readonly FieldMove[];
}

/** Only ever the inverse of copy-map, and nothing to do: the map that was filled goes away. */
export interface ForgetCopy extends Omit<CopyMap, "kind"> {
  readonly kind: "forget-copy";
}

/** Relocates every step, links them, loads and pins the program and its manifest. `pin` is the generation's directory. */
export interface Load {
  readonly kind: "load";
  readonly pin: string;
  readonly generation: Generation;
  /** Where each step is written, for errors. */
  readonly origins: Readonly<Record<string, Origin>>;
}

export interface Unload {
  readonly kind: "unload";
  readonly pin: string;
  readonly generation: Generation;
  readonly origins: Readonly<Record<string, Origin>>;
}

/** Makes a hook's link, holding a generation (by its directory). */
export interface Attach {
  readonly kind: "attach";
  readonly at: Hook;
  readonly link: string;
  /** null undoes the detaching of a program that was not ours, which cannot be brought back: nothing is attached. */
  readonly generation: string | null;
  readonly mode: XdpMode | "auto";
}

/** Takes the hook's link away: packets go unfiltered from here on. */
export interface Detach {
  readonly kind: "detach";
  readonly at: Hook;
  readonly link: string;
  /** null when somebody put another program into our link. */
  readonly generation: string | null;
  readonly mode: XdpMode | "auto";
}

/**
 * Switches a hook to another generation: one BPF_LINK_UPDATE, so no packet sees a mixture. Both are generation directories.
 * `from` is null when somebody put another program into our link; undone, that leaves the link as it is.
 */
export interface Switch {
  readonly kind: "switch";
  readonly at: Hook;
  readonly link: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** The operation that undoes `operation`. Total: what cannot be undone belongs in the plan's cleanup. */
export function inverse(operation: Operation): Operation {
  switch (operation.kind) {
    case "create-map":
      return { ...operation, kind: "remove-map" };
    case "remove-map":
      return { ...operation, kind: "create-map" };
    case "copy-map":
      return { ...operation, kind: "forget-copy" };
    case "forget-copy":
      return { ...operation, kind: "copy-map" };
    case "load":
      return { ...operation, kind: "unload" };
    case "unload":
      return { ...operation, kind: "load" };
    case "attach":
      return { ...operation, kind: "detach" };
    case "detach":
      return { ...operation, kind: "attach" };
    case "switch":
      return { ...operation, from: operation.to, to: operation.from };
    case "write-map":
      return { ...operation, puts: operation.before, deletes: operation.absent, before: operation.puts, absent: operation.deletes };
  }
}
