// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../../asm/instruction.ts";
import { packEntries } from "../entries.ts";
import type { HookKind } from "../kernel.ts";
import { removePin } from "./attach-methods.ts";
import { dumpState } from "./dump.ts";
import { findDevice, type KernelState } from "./kernel-state.ts";
import { readEntries, writeEntries } from "./map-contents.ts";
import { breakLink, createMemoryDevice } from "./memory-device.ts";
import { programTag } from "./memory-program.ts";
import { refusal } from "./refuse.ts";
import { type SentPacket, sendPacket } from "./send-packet.ts";

/** What other people, other tools and the network do to a host: for tests and for the demo. */
export interface MemoryControls {
  /** Adds a device, or replaces the one of that name by a new one with another ifindex. Returns the ifindex. */
  addDevice(name: string, options?: { readonly native?: boolean }): number;
  /** Removes a device; links on it are dead afterwards. Throws ENODEV. */
  removeDevice(name: string): void;
  /** Attaches a program of somebody else's that always gives `verdict`: without a link for XDP, with one of its own for tc. */
  attachForeign(device: string, hook: HookKind, program: { readonly name: string; readonly verdict: number }): void;
  /** Removes every program of that name from a hook. */
  detachForeign(device: string, hook: HookKind, name: string): void;
  /** `bpftool map update pinned`; the value of a prog_array or a map of maps is an id here. */
  tamperPut(map: string, key: Uint8Array, value: Uint8Array): void;
  /** `bpftool map delete pinned`. */
  tamperDelete(map: string, key: Uint8Array): void;
  /** `bpftool link detach pinned`: the pin stays, the link is dead. */
  tamperDetach(link: string): void;
  /** `bpftool map freeze pinned`. */
  tamperFreeze(map: string): void;
  /** `rm` below the bpffs. */
  tamperUnpin(path: string): void;
  /** A packet arrives at (or leaves through) a device: its hook runs as the kernel would run it. */
  send(device: string, hook: HookKind, packet: Uint8Array): SentPacket;
  /** What programs put into a pinned ring buffer, oldest first. */
  records(map: string): readonly Uint8Array[];
  /** Lines of bpf_trace_printk. */
  trace(): readonly string[];
  /** Devices, attachments, pins and map contents as text without ids: two hosts with the same text behave the same. */
  dump(): string;
}

/** The controls of one kernel. */
export function createControls(state: KernelState): MemoryControls {
  return {
    addDevice(name, { native = true } = {}) {
      if (state.devices.has(name)) removeDevice(state, name);
      const device = createMemoryDevice(name, state.nextId("device"), native);
      state.devices.set(name, device);
      return device.ifindex;
    },
    removeDevice: (name) => removeDevice(state, name),
    attachForeign: (device, hook, program) => attachForeign(state, device, hook, program),
    detachForeign(device, hook, name) {
      const attachments = findDevice(state, "BPF_LINK_DETACH", device).hooks[hook];
      attachments.splice(0, attachments.length, ...attachments.filter((attachment) => attachment.program.name !== name));
    },
    tamperPut(path, key, value) {
      writeEntries(
        state.pins.map("BPF_OBJ_GET", path),
        packEntries([[key, value]], key.length, value.length),
        packEntries([], key.length, 0),
      );
    },
    tamperDelete(path, key) {
      writeEntries(
        state.pins.map("BPF_OBJ_GET", path),
        packEntries([], key.length, 0),
        packEntries([[key, new Uint8Array(0)]], key.length, 0),
      );
    },
    tamperDetach: (path) => breakLink(state.pins.link("BPF_OBJ_GET", path)),
    tamperFreeze(path) {
      state.pins.map("BPF_OBJ_GET", path).frozen = true;
    },
    tamperUnpin: (path) => removePin(state, path),
    send: (device, hook, packet) => sendPacket(state, device, hook, packet),
    records(path) {
      const map = state.pins.map("BPF_OBJ_GET", path);
      return map.records ?? [];
    },
    trace: () => state.trace,
    dump: () => dumpState(state, readEntries),
  };
}

function removeDevice(state: KernelState, name: string): void {
  const device = findDevice(state, "RTM_DELLINK", name);
  for (const { link } of Object.values(device.hooks).flat()) if (link !== null) link.device = null;
  state.devices.delete(name);
}

function attachForeign(
  state: KernelState,
  name: string,
  hook: HookKind,
  { name: programName, verdict }: { readonly name: string; readonly verdict: number },
): void {
  const device = findDevice(state, "BPF_LINK_CREATE", name);
  if (hook === "xdp" && device.hooks.xdp.some(({ link }) => link !== null)) {
    throw refusal("RTM_SETLINK", "EBUSY", `Cannot attach "${programName}" to ${name}: a link holds its XDP hook`);
  }
  const instructions: readonly Instruction[] = [
    { opcode: 0xb7, dst: 0, src: 0, offset: 0, imm: verdict },
    { opcode: 0x95, dst: 0, src: 0, offset: 0, imm: 0 },
  ];
  const program = {
    kind: "program",
    id: state.nextId("program"),
    name: programName,
    tag: programTag(instructions),
    hook,
    frags: false,
    instructions,
    maps: new Map(),
  } as const;
  if (hook === "xdp") device.hooks.xdp.splice(0, 1, { program, link: null, mode: device.native ? "native" : "generic" });
  else device.hooks[hook].push({ program, link: { kind: "link", id: state.nextId("link"), hook, program, device }, mode: null });
}
