// SPDX-License-Identifier: Apache-2.0
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import type { Hook } from "../../../reconciler/model/hook.ts";
import type { Operation } from "../../../reconciler/model/operation.ts";
import type { Change, HookPlan, Plan } from "../../../reconciler/model/plan.ts";
import type { Revision } from "../../../reconciler/model/snapshot.ts";

/** Plans as the planner makes them, one for each thing that a reader can meet. */

const file = "interfaces/eth0.yaml";
const at = (line: number, path = file) => ({ file: path, line, column: 7 });
const xdp: Hook = { interface: "eth0", kind: "xdp" };
const [before, after] = ["4f1a2c00d1e2f3a4", "9be07d11a2b3c4d5"];

export const revision: Revision = {
  name: "main@sha1:7c1e4f2a0b9d8c7e6f5a4b3c2d1e0f9a8b7c6d5e",
  commit: "7c1e4f2a0b9d8c7e6f5a4b3c2d1e0f9a8b7c6d5e",
  author: "Alice Example",
  subject: "Block scanner AS64500",
  committed: "2026-11-20T10:25:58Z",
};

export function planOf(hooks: readonly HookPlan[], parts: Partial<Plan> = {}): Plan {
  return {
    format: "1.0",
    host: "edge-03",
    revision,
    desired: "d".repeat(64),
    base: "b".repeat(64),
    hooks,
    refusals: [],
    warnings: [],
    prepare: [],
    commit: hooks.flatMap((hook) => operationsOf(hook)),
    cleanup: [],
    applied: { revision, desired: "d".repeat(64), owned: {}, previous: {} },
    objects: {},
    ...parts,
  };
}

export function hookPlan(parts: Partial<HookPlan> = {}): HookPlan {
  return {
    hook: xdp,
    action: "switch",
    from: before,
    to: after,
    changes: [],
    unchanged: 0,
    traffic: "Every packet meets either the old or the new chain: one link update",
    origin: at(4),
    ...parts,
  };
}

const everyChange: readonly Change[] = [
  { kind: "add-step", step: "geoip", uses: "./objects/geoip.bpf.o", after: "acl", origin: at(14) },
  { kind: "add-step", step: "acl", uses: "acl", after: null, origin: at(9) },
  { kind: "move-step", step: "rate-limit", after: "geoip", wasAfter: null, origin: at(18) },
  { kind: "replace-step", step: "balancer", differs: ["object", "globals"], losesState: [], copiesState: [], origin: at(24) },
  {
    kind: "replace-step",
    step: "flows",
    differs: ["maps"],
    losesState: ["flow_table"],
    copiesState: [{ map: "seen", dropped: ["stats.errors"], added: ["last_seen"], roomBefore: 1024, roomAfter: 4096 }],
    origin: at(30),
  },
  { kind: "remove-step", step: "legacy-acl", uses: "acl" },
  { kind: "set-end", before: 2, after: 1, origin: at(4) },
  {
    kind: "set-keys",
    step: "allow",
    map: "prefixes",
    added: 1,
    changed: 1,
    removed: 212,
    samples: [
      { key: "10.0.0.0/8", before: "drop", after: "pass", origin: at(3, "lists/allow.txt") },
      { key: "192.0.2.0/24", before: null, after: "drop", origin: at(9, "lists/allow.txt") },
      { key: "2001:db8::/32", before: "drop", after: null, origin: null },
    ],
    origin: at(16),
  },
  { kind: "set-keys", step: "balancer", map: "ctl_array", added: 0, changed: 1, removed: 0, samples: [], origin: at(26) },
];

const evil = "\u001b[2J\u202e</details><script>alert(1)</script>\n```\n@everyone [x](javascript:x) `` ` |\u0007";

export const samplePlans: Readonly<Record<string, Plan>> = {
  "every-change": planOf([hookPlan({ changes: everyChange, unchanged: 2 })], {
    prepare: [
      {
        kind: "write-map",
        pin: "/sys/fs/bpf/sluice/eth0/xdp/steps/allow/prefixes__0a",
        puts: packEntries([[Uint8Array.of(1), Uint8Array.of(2)]], 1, 1),
        deletes: noEntries(1, 0),
        before: noEntries(1, 1),
        absent: noEntries(1, 0),
      },
    ],
    cleanup: ["/sys/fs/bpf/sluice/eth0/xdp/gen/0011223344556677"],
    warnings: [
      { hook: xdp, code: "foreign-tcx", message: 'Program "cil_from_netdev" (id 77) of somebody else runs at eth0/tc-ingress too' },
    ],
  }),
  "every-action": planOf([
    hookPlan({
      hook: { interface: "bond0", kind: "xdp" },
      action: "attach",
      from: null,
      changes: [{ kind: "add-step", step: "acl", uses: "acl", after: null, origin: at(6, "interfaces/bond0.yaml") }],
      traffic: "Packets at bond0/xdp pass unfiltered until the chain is attached as a whole",
      origin: at(2, "interfaces/bond0.yaml"),
    }),
    hookPlan({
      hook: { interface: "eth0", kind: "tc-egress" },
      action: "update",
      to: before,
      changes: [
        {
          kind: "set-keys",
          step: "nat",
          map: "ports",
          added: 0,
          changed: 1,
          removed: 0,
          samples: [{ key: "443", before: '{mac: "02:00:00:00:00:01"}', after: '{mac: "02:00:00:00:00:02"}', origin: at(40) }],
          origin: at(38),
        },
      ],
      unchanged: 3,
      traffic: "The running chain stays: 1 map key changes in place",
    }),
    hookPlan({
      hook: { interface: "eth0", kind: "tc-ingress" },
      action: "switch",
      from: null,
      changes: [{ kind: "set-end", before: -1, after: 2, origin: at(31) }],
    }),
    hookPlan({
      action: "switch",
      changes: [{ kind: "set-mode", before: "generic", after: "native", origin: at(5) }],
      traffic: "Packets at eth0/xdp pass unfiltered for some milliseconds: the mode of an XDP link cannot be changed in place",
    }),
    hookPlan({ hook: { interface: "eth1", kind: "xdp" }, action: "unchanged", from: before, to: before, unchanged: 4, traffic: "" }),
    hookPlan({
      hook: { interface: "eth2", kind: "xdp" },
      action: "detach",
      to: null,
      changes: [{ kind: "remove-step", step: "acl", uses: "acl" }],
      traffic: "Packets at eth2/xdp pass unfiltered from then on",
      origin: null,
    }),
    hookPlan({
      hook: { interface: "eth3", kind: "xdp" },
      action: "detach",
      from: null,
      to: null,
      traffic: "Packets at eth3/xdp pass unfiltered from then on",
      origin: null,
    }),
    hookPlan({
      hook: { interface: "veth9", kind: "xdp" },
      action: "reattach",
      from: before,
      to: before,
      traffic: "The device was made anew and passes packets unfiltered until the chain is attached again",
    }),
    hookPlan({
      hook: { interface: "wg0", kind: "tc-ingress" },
      action: "pending",
      from: null,
      to: null,
      traffic: 'Interface "wg0" does not exist yet: the chain is attached when it appears',
    }),
  ]),
  reorder: planOf([
    hookPlan({
      from: "4f1a2c00d1e2f3a4",
      to: "4f1a2c99d1e2f3a4",
      changes: [{ kind: "move-step", step: "acl", after: null, wasAfter: "rate-limit", origin: at(6) }],
      unchanged: 1,
    }),
  ]),
  empty: planOf([
    hookPlan({ action: "unchanged", from: before, to: before, unchanged: 4, traffic: "" }),
    hookPlan({ hook: { interface: "eth1", kind: "xdp" }, action: "unchanged", unchanged: 1, traffic: "" }),
  ]),
  waiting: planOf([
    hookPlan({
      hook: { interface: "wg0", kind: "xdp" },
      action: "pending",
      from: null,
      to: null,
      traffic: 'Interface "wg0" does not exist yet: the chain is attached when it appears',
    }),
  ]),
  refused: planOf(
    [
      hookPlan({
        action: "attach",
        from: null,
        changes: [{ kind: "add-step", step: "acl", uses: "acl", after: null, origin: at(6) }],
        traffic: "Packets at eth0/xdp pass unfiltered until the chain is attached as a whole",
      }),
    ],
    {
      refusals: [
        {
          hook: xdp,
          code: "foreign-xdp",
          message: 'Cannot attach to eth0/xdp: program "xdp_dispatcher" (id 91) of somebody else is attached there',
          hint: 'look at it with "bpftool prog show id 91"',
        },
        { hook: null, code: "prunes-everything", message: "The policy names no chain at all, and 2 are running", hint: null },
      ],
    },
  ),
  folder: planOf([hookPlan({ changes: [], unchanged: 1 })], {
    revision: { name: "dir:/etc/sluice", commit: null, author: null, subject: null, committed: null },
  }),
  rewound: planOf([hookPlan({ changes: [], unchanged: 1 })], {
    revision: { ...revision, signer: "alice@example.net (SHA256:uNiVzt`ks)", rewound: `main@sha1:${"0123abcd".repeat(5)}` },
  }),
  hostile: planOf(
    [
      hookPlan({
        hook: { interface: "et<b>h0", kind: "xdp" },
        traffic: `Packets of ${evil}`,
        changes: [
          { kind: "add-step", step: evil, uses: evil, after: evil, origin: at(1, evil) },
          {
            kind: "set-keys",
            step: evil,
            map: evil,
            added: 1,
            changed: 0,
            removed: 0,
            samples: [{ key: evil, before: null, after: evil, origin: at(1, evil) }],
            origin: at(1, evil),
          },
        ],
      }),
    ],
    {
      host: `edge ${evil}`,
      revision: { ...revision, name: `main ${evil}`, subject: evil, author: evil, signer: evil, rewound: evil },
      refusals: [{ hook: null, code: "x", message: evil, hint: evil }],
      warnings: [{ hook: null, code: "x", message: evil }],
    },
  ),
};

function operationsOf({ hook, action, from, to, changes }: HookPlan): readonly Operation[] {
  const link = `/sys/fs/bpf/sluice/${hook.interface}/${hook.kind}/link`;
  const directory = (id: string | null) => `/sys/fs/bpf/sluice/${hook.interface}/${hook.kind}/gen/${id ?? "none"}`;
  const attach: Operation = { kind: "attach", at: hook, link, generation: directory(to), mode: "native" };
  const detach: Operation = { kind: "detach", at: hook, link, generation: directory(from), mode: "native" };
  switch (action) {
    case "attach":
    case "reattach":
      return [attach];
    case "detach":
      return [detach];
    case "switch":
      return changes.some(({ kind }) => kind === "set-mode")
        ? [detach, attach]
        : [{ kind: "switch", at: hook, link, from: directory(from), to: directory(to) }];
    case "update":
      return [
        {
          kind: "write-map",
          pin: `${link}/map`,
          puts: noEntries(1, 1),
          deletes: noEntries(1, 0),
          before: noEntries(1, 1),
          absent: noEntries(1, 0),
        },
      ];
    default:
      return [];
  }
}
