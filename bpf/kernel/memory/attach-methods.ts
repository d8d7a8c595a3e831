// SPDX-License-Identifier: Apache-2.0
import type { Kernel, Pin } from "../kernel.ts";
import { findDevice, type KernelState } from "./kernel-state.ts";
import { breakLink, createLink, describeAttachments, updateLink } from "./memory-device.ts";
import type { Pinned } from "./pin-tree.ts";
import { emptyProgramArray } from "./program-arrays.ts";
import { refusal } from "./refuse.ts";

/** The methods of Kernel that are about devices, links and pins. */
export function createAttachMethods(
  state: KernelState,
): Pick<Kernel, "devices" | "attached" | "pins" | "attach" | "switchLink" | "watch" | "detach" | "unpin"> {
  return {
    async devices() {
      return [...state.devices.values()].map(({ name, ifindex }) => ({ name, ifindex }));
    },
    async attached(device, hook) {
      return describeAttachments(findDevice(state, "BPF_PROG_QUERY", device), hook);
    },
    async pins(directory) {
      return state.pins.below(directory).map(([path, pinned]) => describePin(path, pinned));
    },
    async attach(pin, request) {
      const device = findDevice(state, "if_nametoindex", request.device);
      const program = state.pins.program("BPF_OBJ_GET", request.program);
      const present = state.pins.get(pin);
      if (present?.kind === "link" && present.device === device && present.hook === request.hook && present.program === program) return;
      if (present?.kind === "link" && present.device !== null)
        throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot attach at "${pin}": another link is pinned there`);
      if (present === null) state.pins.check(pin);
      const link = createLink(state.nextId("link"), device, program, request);
      if (present !== null) removePin(state, pin);
      state.pins.add(pin, link);
    },
    async switchLink(pin, from, to) {
      const link = state.pins.link("BPF_OBJ_GET", pin);
      const next = state.pins.program("BPF_OBJ_GET", to);
      if (link.program === next) return;
      updateLink(link, from === null ? null : state.pins.program("BPF_OBJ_GET", from), next);
    },
    async watch(_, { tracepoint }) {
      throw refusal("BPF_RAW_TRACEPOINT_OPEN", "ENOENT", `Cannot watch the tracepoint "${tracepoint}": this kernel has no such tracepoint`);
    },
    async detach(pin) {
      if (state.pins.get(pin) === null) return;
      breakLink(state.pins.link("BPF_OBJ_GET", pin));
      state.pins.remove(pin);
    },
    async unpin(paths) {
      for (const path of paths) removePin(state, path);
    },
  };
}

/** Unlinks a pin. A link that loses its only pin is closed, and detaches; a program array is emptied. */
export function removePin(state: KernelState, path: string): void {
  const removed = state.pins.remove(path);
  if (removed?.kind === "link") breakLink(removed);
  if (removed?.kind === "map" && removed.definition.type === "prog_array") emptyProgramArray(removed);
}

function describePin(path: string, pinned: Pinned): Pin {
  switch (pinned.kind) {
    case "link":
      return { kind: "link", path, id: pinned.id, programId: pinned.program.id, ifindex: pinned.device?.ifindex ?? 0 };
    case "program": {
      const maps = [...new Set([...pinned.maps.values()].map((map) => map.id))].sort((a, b) => a - b);
      return { kind: "program", path, id: pinned.id, name: pinned.name, tag: pinned.tag, maps, verified: null };
    }
    case "map": {
      const { type, keySize, valueSize, maxEntries } = pinned.definition;
      const { id, name, frozen } = pinned;
      return { kind: "map", path, id, name, type, keySize, valueSize, maxEntries, ...(frozen ? { frozen } : {}) };
    }
  }
}
