// SPDX-License-Identifier: Apache-2.0
import type { MapPin } from "../../../bpf/kernel/kernel.ts";
import type { Manifest } from "../../../reconciler/model/generation.ts";
import type { ObservedGeneration, ObservedHook } from "../../../reconciler/model/observed.ts";

/** Builders of what an observation of one hook gives, for tests of what prints it. */

export const layout = { root: "/sys/fs/bpf/sluice" };
const directory = "/sys/fs/bpf/sluice/eth0/xdp";

export function mapPinAt(path: string, id: number, type = "hash"): MapPin {
  return { kind: "map", path, id, name: "sl_x", type, keySize: 4, valueSize: 8, maxEntries: 16 };
}

export const countersPath = `${directory}/counters/1-16`;
export const limitsPath = `${directory}/steps/acl/limits__0a`;

export const manifest: Manifest = {
  format: 1,
  sluice: "0.1.0",
  id: "4f1a2c0099aabbcc",
  digest: "4f1a2c0099aabbcc".repeat(4),
  hook: { interface: "eth0", kind: "xdp" },
  end: 2,
  counters: { pin: countersPath, family: 1, slots: 16, next: 2 },
  steps: [
    {
      name: "acl",
      uses: "acl",
      object: "aa",
      function: "acl_xdp",
      globals: {},
      continueOn: [2],
      maps: [{ name: "limits", pin: limitsPath, content: "whole" }],
      slot: 0,
    },
    { name: "lb", uses: "./objects/lb.bpf.o", object: "bb", function: "balance", globals: {}, continueOn: [2], maps: [], slot: 1 },
  ],
  linked: {
    steps: [
      { name: "acl", mode: "inline", reason: null, start: 4, end: 104 },
      { name: "lb", mode: "call", reason: "it makes tail calls itself", start: 104, end: 154 },
    ],
    instructions: 160,
    maps: [limitsPath, countersPath],
  },
};

export const running: ObservedGeneration = {
  id: manifest.id,
  program: {
    kind: "program",
    path: `${directory}/gen/${manifest.id}/program`,
    id: 912,
    name: "sl_eth0_xdp",
    tag: "8f3c",
    maps: [31, 32],
    verified: 1234,
  },
  behind: [],
  segments: null,
  manifest,
  intact: true,
  running: true,
};

export const observedHook: ObservedHook = {
  hook: { interface: "eth0", kind: "xdp" },
  link: { kind: "link", path: `${directory}/link`, id: 41, programId: 912, ifindex: 3 },
  mode: "native",
  generations: [running, { ...running, id: "9be07d0000000000", program: null, manifest: null, intact: false, running: false }],
  maps: [{ step: "acl", map: "limits", incarnation: "0a", pin: mapPinAt(limitsPath, 31), entries: null }],
  counters: [{ pin: mapPinAt(countersPath, 32, "percpu_array"), family: 1, slots: 16 }],
  foreign: [],
};
