// SPDX-License-Identifier: Apache-2.0
// Made from plan.schema.json by generate-types.ts: change that, then run `npm run generate`.

/**
 * What `sluice plan --json` prints. Later versions of format 1 add properties and never change or remove one, so ignore those you do not know.
 */
export interface PlanDocument {
  /**
   * Version of this format: a reader of 1.x understands every later 1.y.
   */
  format: string;
  /**
   * Which document this is.
   */
  kind: "plan";
  /**
   * The host that the plan is for.
   */
  host: string;
  revision: PlanRevision;
  /**
   * Digest of what the policy renders to on this host; two revisions that render alike have the same.
   */
  desired: string;
  /**
   * Digest of what was observed in the kernel; a saved plan is refused when it has changed.
   */
  base: string;
  /**
   * Nothing would be written to the kernel.
   */
  empty: boolean;
  /**
   * There is no refusal.
   */
  applicable: boolean;
  /**
   * What happens to each hook, those included that stay as they are.
   */
  hooks: PlanHook[];
  summary: PlanSummary;
  /**
   * Reasons why the plan must not be applied.
   */
  refusals: PlanRefusal[];
  /**
   * What to know before applying it.
   */
  warnings: PlanWarning[];
  impact?: Impact;
  operations: PlanOperations;
}
/**
 * The state of the policy repository that is planned.
 */
export interface PlanRevision {
  /**
   * As people say it.
   */
  name: string;
  /**
   * Commit id; null for a folder.
   */
  commit: string | null;
  /**
   * Author of the commit; null for a folder.
   */
  author: string | null;
  /**
   * First line of the commit message; null for a folder.
   */
  subject: string | null;
  /**
   * ISO 8601, UTC; null for a folder.
   */
  committed: string | null;
  /**
   * Whose good signature it has: a name and the fingerprint of the key. Not there where nobody asked.
   */
  signer?: string;
  /**
   * Name of what the host had before, where this revision does not go on from it: the branch was rewound or rewritten. Not there when all is well.
   */
  rewound?: string;
}
/**
 * What happens to one hook.
 */
export interface PlanHook {
  hook: PlannedHook;
  /**
   * attach: a first chain. detach: the chain goes. switch: another program in one update of the link (detach and attach where a change is set-mode). update: only map contents change. pending: the interface does not exist. reattach: the device was made anew. unchanged: nothing.
   */
  action: "attach" | "detach" | "switch" | "update" | "pending" | "reattach" | "unchanged";
  /**
   * Id of the generation that runs; null for none.
   */
  from: string | null;
  /**
   * Id of the generation that is to run; null for none.
   */
  to: string | null;
  /**
   * What a person reads; several may come from one line of the policy.
   */
  changes: (AddStep | RemoveStep | MoveStep | ReplaceStep | SetKeys | ReplaceSet | SetEnd | SetMode)[];
  /**
   * Steps that stay as they are.
   */
  unchanged: number;
  /**
   * What packets meet while this is applied, in a sentence; empty for nothing special.
   */
  traffic: string;
  /**
   * Where the chain is written; null for one that goes.
   */
  origin: PlanOrigin3 | null;
}
/**
 * The hook.
 */
export interface PlannedHook {
  /**
   * Name of the network device.
   */
  interface: string;
  /**
   * Which hook of the device.
   */
  kind: "xdp" | "tc-ingress" | "tc-egress";
}
/**
 * A step that the chain does not have yet.
 */
export interface AddStep {
  /**
   * Kind of the change.
   */
  kind: "add-step";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * Program of the library, or path of an object.
   */
  uses: string;
  match?: Match;
  /**
   * Of a step without a program: the number of the verdict that packets get which match.
   */
  verdict?: number;
  /**
   * The step it comes after; null for the first.
   */
  after: string | null;
  origin: PlanOrigin;
}
/**
 * The packets that the step is for; not there when it is for all.
 */
export interface Match {
  /**
   * As it is written.
   */
  expression: string;
  /**
   * Version of the libpcap that compiled it.
   */
  libpcap: string;
  /**
   * sha256 of the classic BPF, hex.
   */
  digest: string;
}
/**
 * Where it is written.
 */
export interface PlanOrigin {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * A step that the policy does not name any more.
 */
export interface RemoveStep {
  /**
   * Kind of the change.
   */
  kind: "remove-step";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * Program of the library, or path of an object.
   */
  uses: string;
}
/**
 * A step that changes its place among the others.
 */
export interface MoveStep {
  /**
   * Kind of the change.
   */
  kind: "move-step";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * The step it comes after then; null for the first.
   */
  after: string | null;
  /**
   * The step it comes after now; null for the first.
   */
  wasAfter: string | null;
  origin: PlanOrigin1;
}
/**
 * Where it is written.
 */
export interface PlanOrigin1 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * A step whose program or settings change.
 */
export interface ReplaceStep {
  /**
   * Kind of the change.
   */
  kind: "replace-step";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * What differs.
   *
   * Items: Aspect of the step.
   */
  differs: string[];
  match?: Match1;
  /**
   * Of a step without a program: the number of the verdict that packets get which match.
   */
  verdict?: number;
  /**
   * Maps that start empty because their definition or layout changes.
   *
   * Items: Name of the map.
   */
  losesState: string[];
  /**
   * Maps that are made anew and take over what the one before holds.
   */
  copiesState: CopiedState[];
  origin: PlanOrigin2;
}
/**
 * The packets that the step is for now, where that or the verdict differs.
 */
export interface Match1 {
  /**
   * As it is written.
   */
  expression: string;
  /**
   * Version of the libpcap that compiled it.
   */
  libpcap: string;
  /**
   * sha256 of the classic BPF, hex.
   */
  digest: string;
}
/**
 * One map.
 */
export interface CopiedState {
  /**
   * Name of the map.
   */
  map: string;
  /**
   * Parts of the value that are not taken over.
   *
   * Items: Path of the part.
   */
  dropped: string[];
  /**
   * Parts of the value that start as zeros.
   *
   * Items: Path of the part.
   */
  added: string[];
  /**
   * Entries that the old map has room for.
   */
  roomBefore: number;
  /**
   * Entries that the new map has room for.
   */
  roomAfter: number;
}
/**
 * Where it is written.
 */
export interface PlanOrigin2 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * Keys of a map that are written in place, without a reload.
 */
export interface SetKeys {
  /**
   * Kind of the change.
   */
  kind: "set-keys";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * Name of the map.
   */
  map: string;
  /**
   * Keys that are not there yet.
   */
  added: number;
  /**
   * Keys that get another value.
   */
  changed: number;
  /**
   * Keys that go.
   */
  removed: number;
  /**
   * The first few keys.
   */
  samples: PlanKeySample[];
  origin: PlanOrigin4;
}
/**
 * A key of a map, printed.
 */
export interface PlanKeySample {
  /**
   * The key.
   */
  key: string;
  /**
   * The value now; null when the key is not there.
   */
  before: string | null;
  /**
   * The value then; null when the key goes.
   */
  after: string | null;
  /**
   * Where the key is written; null when that is not known.
   */
  origin: PlanOrigin3 | null;
}
/**
 * A place in the policy repository.
 */
export interface PlanOrigin3 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * A place in the policy repository.
 */
export interface PlanOrigin4 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * A set that changes as a whole: another map holds the new one, and is switched to with the generation.
 */
export interface ReplaceSet {
  /**
   * Kind of the change.
   */
  kind: "replace-set";
  /**
   * Name of the step.
   */
  step: string;
  /**
   * Name of the map.
   */
  map: string;
  /**
   * Entries now.
   */
  before: number;
  /**
   * Entries then.
   */
  after: number;
  /**
   * Keys that would have to be written one by one.
   */
  keys: number;
  /**
   * The new set is still pinned from before: nothing is built.
   */
  kept: boolean;
  /**
   * Room for keys and values of the new map, which is there beside the old one until that is cleaned up.
   */
  bytes: number;
  /**
   * Estimate of how long it takes to build.
   */
  seconds: number;
  /**
   * Estimate of how long it would take key by key.
   */
  secondsByKey: number;
  origin: PlanOrigin5;
}
/**
 * A place in the policy repository.
 */
export interface PlanOrigin5 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * Another verdict for packets that every step lets through.
 */
export interface SetEnd {
  /**
   * Kind of the change.
   */
  kind: "set-end";
  /**
   * Number of the verdict now.
   */
  before: number;
  /**
   * Number of the verdict then.
   */
  after: number;
  origin: PlanOrigin6;
}
/**
 * A place in the policy repository.
 */
export interface PlanOrigin6 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * Another XDP mode: the only change with a gap, since it needs a detach and an attach.
 */
export interface SetMode {
  /**
   * Kind of the change.
   */
  kind: "set-mode";
  /**
   * Mode now.
   */
  before: string;
  /**
   * Mode then.
   */
  after: string;
  origin: PlanOrigin7;
}
/**
 * A place in the policy repository.
 */
export interface PlanOrigin7 {
  /**
   * Path from the root of the policy.
   */
  file: string;
  /**
   * Counted from 1.
   */
  line: number;
  /**
   * Counted from 1.
   */
  column: number;
}
/**
 * The plan in numbers; hooks that wait for their interface count only as pending.
 */
export interface PlanSummary {
  /**
   * Steps added.
   */
  add: number;
  /**
   * Steps moved.
   */
  move: number;
  /**
   * Steps replaced.
   */
  replace: number;
  /**
   * Steps removed.
   */
  remove: number;
  /**
   * Sets of keys replaced as a whole.
   */
  sets: number;
  /**
   * Map keys written or deleted in place.
   */
  keys: number;
  /**
   * Chains with another end verdict or XDP mode.
   */
  settings: number;
  /**
   * Steps that stay as they are.
   */
  unchanged: number;
  /**
   * Hooks switched in one update of their link.
   */
  switch: number;
  /**
   * Hooks that get a link.
   */
  attach: number;
  /**
   * Hooks that lose theirs.
   */
  detach: number;
  /**
   * Hooks that need a detach and an attach.
   */
  restart: number;
  /**
   * Hooks whose interface does not exist.
   */
  pending: number;
  /**
   * Pins of older generations to remove.
   */
  cleanup: number;
}
/**
 * Why the plan must not be applied.
 */
export interface PlanRefusal {
  /**
   * The hook it is about; null for the whole plan.
   */
  hook: PlannedHook1 | null;
  /**
   * Stable name of the reason.
   */
  code: string;
  /**
   * One sentence.
   */
  message: string;
  /**
   * What to do about it.
   */
  hint: string | null;
}
/**
 * Where a chain attaches.
 */
export interface PlannedHook1 {
  /**
   * Name of the network device.
   */
  interface: string;
  /**
   * Which hook of the device.
   */
  kind: "xdp" | "tc-ingress" | "tc-egress";
}
/**
 * What to know before applying the plan.
 */
export interface PlanWarning {
  /**
   * The hook it is about; null for the whole plan.
   */
  hook: PlannedHook1 | null;
  /**
   * Stable name of the warning.
   */
  code: string;
  /**
   * One sentence.
   */
  message: string;
}
/**
 * Only with --impact: packets that were replayed through the running and the planned chain.
 */
export interface Impact {
  /**
   * Where the packets come from.
   */
  source: string;
  /**
   * Every hook that the plan changes.
   */
  hooks: HookImpact[];
}
/**
 * One hook.
 */
export interface HookImpact {
  hook: PlannedHook2;
  /**
   * Packets that were replayed.
   */
  packets: number;
  /**
   * Packets whose verdict differs, largest group first.
   */
  groups: ImpactGroup[];
  /**
   * What the replay could not take along.
   *
   * Items: A sentence.
   */
  notes: string[];
}
/**
 * Where a chain attaches.
 */
export interface PlannedHook2 {
  /**
   * Name of the network device.
   */
  interface: string;
  /**
   * Which hook of the device.
   */
  kind: "xdp" | "tc-ingress" | "tc-egress";
}
/**
 * Packets that fare otherwise in one way.
 */
export interface ImpactGroup {
  before: Fate;
  after: Fate1;
  /**
   * How many.
   */
  packets: number;
  /**
   * Flows that they belong to.
   */
  flowCount: number;
  /**
   * The first few flows, most packets first.
   */
  flows: ImpactFlow[];
  example: ImpactExample;
}
/**
 * In the running chain.
 */
export interface Fate {
  /**
   * The chain's return value.
   */
  verdict: number;
  /**
   * Name of the step; "end" when every step lets it through, "no chain" where none runs.
   */
  step: string;
}
/**
 * In the planned chain.
 */
export interface Fate1 {
  /**
   * The chain's return value.
   */
  verdict: number;
  /**
   * Name of the step; "end" when every step lets it through, "no chain" where none runs.
   */
  step: string;
}
/**
 * One flow.
 */
export interface ImpactFlow {
  /**
   * Who talks to whom.
   */
  flow: string;
  /**
   * Packets of it in this group.
   */
  packets: number;
}
/**
 * The first packet of the group.
 */
export interface ImpactExample {
  /**
   * Its number in the capture, from 1.
   */
  number: number;
  /**
   * The packet in tcpdump's words.
   */
  packet: string;
}
/**
 * What would be done to the kernel, in order, without the bytes.
 */
export interface PlanOperations {
  /**
   * Not seen by any packet: maps, contents of new maps, programs.
   */
  prepare: PlanOperation[];
  /**
   * What packets see, each hook in one operation.
   */
  commit: PlanOperation[];
  /**
   * Pins to remove once the result is verified.
   *
   * Items: Path of a pin.
   */
  cleanup: string[];
}
/**
 * One change of the kernel.
 */
export interface PlanOperation {
  /**
   * What is done.
   */
  kind: "create-map" | "remove-map" | "write-map" | "copy-map" | "forget-copy" | "load" | "unload" | "attach" | "detach" | "switch";
  /**
   * Path of the pin it is done to.
   */
  target: string;
  /**
   * The hook, as "eth0/xdp"; null for operations on maps.
   */
  hook: string | null;
  /**
   * Entries written.
   */
  puts: number;
  /**
   * Entries deleted.
   */
  deletes: number;
}

/** plan.schema.json itself. */
export const planSchema: object = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:sluice:schema:plan:v1",
  "title": "PlanDocument",
  "description": "What `sluice plan --json` prints. Later versions of format 1 add properties and never change or remove one, so ignore those you do not know.",
  "type": "object",
  "required": [
    "format",
    "kind",
    "host",
    "revision",
    "desired",
    "base",
    "empty",
    "applicable",
    "hooks",
    "summary",
    "refusals",
    "warnings",
    "operations"
  ],
  "properties": {
    "format": {
      "description": "Version of this format: a reader of 1.x understands every later 1.y.",
      "type": "string",
      "pattern": "^1\\.[0-9]+$"
    },
    "kind": {
      "description": "Which document this is.",
      "const": "plan"
    },
    "host": {
      "description": "The host that the plan is for.",
      "type": "string"
    },
    "revision": {
      "description": "The state of the policy repository that is planned.",
      "$ref": "#/$defs/revision"
    },
    "desired": {
      "description": "Digest of what the policy renders to on this host; two revisions that render alike have the same.",
      "type": "string"
    },
    "base": {
      "description": "Digest of what was observed in the kernel; a saved plan is refused when it has changed.",
      "type": "string"
    },
    "empty": {
      "description": "Nothing would be written to the kernel.",
      "type": "boolean"
    },
    "applicable": {
      "description": "There is no refusal.",
      "type": "boolean"
    },
    "hooks": {
      "description": "What happens to each hook, those included that stay as they are.",
      "type": "array",
      "items": {
        "$ref": "#/$defs/hookPlan"
      }
    },
    "summary": {
      "description": "The plan in numbers; hooks that wait for their interface count only as pending.",
      "$ref": "#/$defs/summary"
    },
    "refusals": {
      "description": "Reasons why the plan must not be applied.",
      "type": "array",
      "items": {
        "$ref": "#/$defs/refusal"
      }
    },
    "warnings": {
      "description": "What to know before applying it.",
      "type": "array",
      "items": {
        "$ref": "#/$defs/warning"
      }
    },
    "impact": {
      "title": "Impact",
      "description": "Only with --impact: packets that were replayed through the running and the planned chain.",
      "type": "object",
      "required": [
        "source",
        "hooks"
      ],
      "properties": {
        "source": {
          "description": "Where the packets come from.",
          "type": "string"
        },
        "hooks": {
          "description": "Every hook that the plan changes.",
          "type": "array",
          "items": {
            "title": "HookImpact",
            "description": "One hook.",
            "type": "object",
            "required": [
              "hook",
              "packets",
              "groups",
              "notes"
            ],
            "properties": {
              "hook": {
                "description": "Which hook.",
                "$ref": "#/$defs/hook"
              },
              "packets": {
                "description": "Packets that were replayed.",
                "type": "integer"
              },
              "groups": {
                "description": "Packets whose verdict differs, largest group first.",
                "type": "array",
                "items": {
                  "title": "ImpactGroup",
                  "description": "Packets that fare otherwise in one way.",
                  "type": "object",
                  "required": [
                    "before",
                    "after",
                    "packets",
                    "flows",
                    "flowCount",
                    "example"
                  ],
                  "properties": {
                    "before": {
                      "description": "In the running chain.",
                      "$ref": "#/$defs/fate"
                    },
                    "after": {
                      "description": "In the planned chain.",
                      "$ref": "#/$defs/fate"
                    },
                    "packets": {
                      "description": "How many.",
                      "type": "integer"
                    },
                    "flowCount": {
                      "description": "Flows that they belong to.",
                      "type": "integer"
                    },
                    "flows": {
                      "description": "The first few flows, most packets first.",
                      "type": "array",
                      "items": {
                        "title": "ImpactFlow",
                        "description": "One flow.",
                        "type": "object",
                        "required": [
                          "flow",
                          "packets"
                        ],
                        "properties": {
                          "flow": {
                            "description": "Who talks to whom.",
                            "type": "string"
                          },
                          "packets": {
                            "description": "Packets of it in this group.",
                            "type": "integer"
                          }
                        }
                      }
                    },
                    "example": {
                      "title": "ImpactExample",
                      "description": "The first packet of the group.",
                      "type": "object",
                      "required": [
                        "number",
                        "packet"
                      ],
                      "properties": {
                        "number": {
                          "description": "Its number in the capture, from 1.",
                          "type": "integer"
                        },
                        "packet": {
                          "description": "The packet in tcpdump's words.",
                          "type": "string"
                        }
                      }
                    }
                  }
                }
              },
              "notes": {
                "description": "What the replay could not take along.",
                "type": "array",
                "items": {
                  "description": "A sentence.",
                  "type": "string"
                }
              }
            }
          }
        }
      }
    },
    "operations": {
      "title": "PlanOperations",
      "description": "What would be done to the kernel, in order, without the bytes.",
      "type": "object",
      "required": [
        "prepare",
        "commit",
        "cleanup"
      ],
      "properties": {
        "prepare": {
          "description": "Not seen by any packet: maps, contents of new maps, programs.",
          "type": "array",
          "items": {
            "$ref": "#/$defs/operation"
          }
        },
        "commit": {
          "description": "What packets see, each hook in one operation.",
          "type": "array",
          "items": {
            "$ref": "#/$defs/operation"
          }
        },
        "cleanup": {
          "description": "Pins to remove once the result is verified.",
          "type": "array",
          "items": {
            "description": "Path of a pin.",
            "type": "string"
          }
        }
      }
    }
  },
  "$defs": {
    "fate": {
      "title": "Fate",
      "description": "What becomes of a packet, and which step decides.",
      "type": "object",
      "required": [
        "verdict",
        "step"
      ],
      "properties": {
        "verdict": {
          "description": "The chain's return value.",
          "type": "integer"
        },
        "step": {
          "description": "Name of the step; \"end\" when every step lets it through, \"no chain\" where none runs.",
          "type": "string"
        }
      }
    },
    "hook": {
      "title": "PlannedHook",
      "description": "Where a chain attaches.",
      "type": "object",
      "required": [
        "interface",
        "kind"
      ],
      "properties": {
        "interface": {
          "description": "Name of the network device.",
          "type": "string"
        },
        "kind": {
          "description": "Which hook of the device.",
          "enum": [
            "xdp",
            "tc-ingress",
            "tc-egress"
          ]
        }
      }
    },
    "origin": {
      "title": "PlanOrigin",
      "description": "A place in the policy repository.",
      "type": "object",
      "required": [
        "file",
        "line",
        "column"
      ],
      "properties": {
        "file": {
          "description": "Path from the root of the policy.",
          "type": "string"
        },
        "line": {
          "description": "Counted from 1.",
          "type": "integer",
          "minimum": 1
        },
        "column": {
          "description": "Counted from 1.",
          "type": "integer",
          "minimum": 1
        }
      }
    },
    "revision": {
      "title": "PlanRevision",
      "description": "Where the policy came from.",
      "type": "object",
      "required": [
        "name",
        "commit",
        "author",
        "subject",
        "committed"
      ],
      "properties": {
        "name": {
          "description": "As people say it.",
          "type": "string",
          "examples": [
            "main@sha1:7c1e4f2a0b9d8c7e6f5a4b3c2d1e0f9a8b7c6d5e",
            "dir:/etc/sluice"
          ]
        },
        "commit": {
          "description": "Commit id; null for a folder.",
          "type": [
            "string",
            "null"
          ]
        },
        "author": {
          "description": "Author of the commit; null for a folder.",
          "type": [
            "string",
            "null"
          ]
        },
        "subject": {
          "description": "First line of the commit message; null for a folder.",
          "type": [
            "string",
            "null"
          ]
        },
        "committed": {
          "description": "ISO 8601, UTC; null for a folder.",
          "type": [
            "string",
            "null"
          ]
        },
        "signer": {
          "description": "Whose good signature it has: a name and the fingerprint of the key. Not there where nobody asked.",
          "type": "string",
          "examples": [
            "alice@example.net (SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDLYxlz7hsvJTQEjTA)"
          ]
        },
        "rewound": {
          "description": "Name of what the host had before, where this revision does not go on from it: the branch was rewound or rewritten. Not there when all is well.",
          "type": "string"
        }
      }
    },
    "hookPlan": {
      "title": "PlanHook",
      "description": "What happens to one hook.",
      "type": "object",
      "required": [
        "hook",
        "action",
        "from",
        "to",
        "changes",
        "unchanged",
        "traffic",
        "origin"
      ],
      "properties": {
        "hook": {
          "description": "The hook.",
          "$ref": "#/$defs/hook"
        },
        "action": {
          "description": "attach: a first chain. detach: the chain goes. switch: another program in one update of the link (detach and attach where a change is set-mode). update: only map contents change. pending: the interface does not exist. reattach: the device was made anew. unchanged: nothing.",
          "enum": [
            "attach",
            "detach",
            "switch",
            "update",
            "pending",
            "reattach",
            "unchanged"
          ]
        },
        "from": {
          "description": "Id of the generation that runs; null for none.",
          "type": [
            "string",
            "null"
          ]
        },
        "to": {
          "description": "Id of the generation that is to run; null for none.",
          "type": [
            "string",
            "null"
          ]
        },
        "changes": {
          "description": "What a person reads; several may come from one line of the policy.",
          "type": "array",
          "items": {
            "oneOf": [
              {
                "$ref": "#/$defs/addStep"
              },
              {
                "$ref": "#/$defs/removeStep"
              },
              {
                "$ref": "#/$defs/moveStep"
              },
              {
                "$ref": "#/$defs/replaceStep"
              },
              {
                "$ref": "#/$defs/setKeys"
              },
              {
                "$ref": "#/$defs/replaceSet"
              },
              {
                "$ref": "#/$defs/setEnd"
              },
              {
                "$ref": "#/$defs/setMode"
              }
            ]
          }
        },
        "unchanged": {
          "description": "Steps that stay as they are.",
          "type": "integer",
          "minimum": 0
        },
        "traffic": {
          "description": "What packets meet while this is applied, in a sentence; empty for nothing special.",
          "type": "string"
        },
        "origin": {
          "description": "Where the chain is written; null for one that goes.",
          "oneOf": [
            {
              "$ref": "#/$defs/origin"
            },
            {
              "type": "null"
            }
          ]
        }
      }
    },
    "match": {
      "title": "Match",
      "description": "A tcpdump expression, and what libpcap made of it.",
      "type": "object",
      "required": [
        "expression",
        "libpcap",
        "digest"
      ],
      "properties": {
        "expression": {
          "description": "As it is written.",
          "type": "string"
        },
        "libpcap": {
          "description": "Version of the libpcap that compiled it.",
          "type": "string"
        },
        "digest": {
          "description": "sha256 of the classic BPF, hex.",
          "type": "string"
        }
      }
    },
    "addStep": {
      "title": "AddStep",
      "description": "A step that the chain does not have yet.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "uses",
        "after",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "add-step"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "uses": {
          "description": "Program of the library, or path of an object.",
          "type": "string"
        },
        "match": {
          "description": "The packets that the step is for; not there when it is for all.",
          "$ref": "#/$defs/match"
        },
        "verdict": {
          "description": "Of a step without a program: the number of the verdict that packets get which match.",
          "type": "integer"
        },
        "after": {
          "description": "The step it comes after; null for the first.",
          "type": [
            "string",
            "null"
          ]
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "removeStep": {
      "title": "RemoveStep",
      "description": "A step that the policy does not name any more.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "uses"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "remove-step"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "uses": {
          "description": "Program of the library, or path of an object.",
          "type": "string"
        }
      }
    },
    "moveStep": {
      "title": "MoveStep",
      "description": "A step that changes its place among the others.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "after",
        "wasAfter",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "move-step"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "after": {
          "description": "The step it comes after then; null for the first.",
          "type": [
            "string",
            "null"
          ]
        },
        "wasAfter": {
          "description": "The step it comes after now; null for the first.",
          "type": [
            "string",
            "null"
          ]
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "replaceStep": {
      "title": "ReplaceStep",
      "description": "A step whose program or settings change.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "differs",
        "losesState",
        "copiesState",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "replace-step"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "differs": {
          "description": "What differs.",
          "type": "array",
          "items": {
            "description": "Aspect of the step.",
            "type": "string",
            "examples": [
              "match",
              "verdict",
              "object",
              "function",
              "globals",
              "continue",
              "maps"
            ]
          }
        },
        "match": {
          "description": "The packets that the step is for now, where that or the verdict differs.",
          "$ref": "#/$defs/match"
        },
        "verdict": {
          "description": "Of a step without a program: the number of the verdict that packets get which match.",
          "type": "integer"
        },
        "losesState": {
          "description": "Maps that start empty because their definition or layout changes.",
          "type": "array",
          "items": {
            "description": "Name of the map.",
            "type": "string"
          }
        },
        "copiesState": {
          "description": "Maps that are made anew and take over what the one before holds.",
          "type": "array",
          "items": {
            "title": "CopiedState",
            "description": "One map.",
            "type": "object",
            "required": [
              "map",
              "dropped",
              "added",
              "roomBefore",
              "roomAfter"
            ],
            "properties": {
              "map": {
                "description": "Name of the map.",
                "type": "string"
              },
              "dropped": {
                "description": "Parts of the value that are not taken over.",
                "type": "array",
                "items": {
                  "description": "Path of the part.",
                  "type": "string"
                }
              },
              "added": {
                "description": "Parts of the value that start as zeros.",
                "type": "array",
                "items": {
                  "description": "Path of the part.",
                  "type": "string"
                }
              },
              "roomBefore": {
                "description": "Entries that the old map has room for.",
                "type": "integer"
              },
              "roomAfter": {
                "description": "Entries that the new map has room for.",
                "type": "integer"
              }
            }
          }
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "setKeys": {
      "title": "SetKeys",
      "description": "Keys of a map that are written in place, without a reload.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "map",
        "added",
        "changed",
        "removed",
        "samples",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "set-keys"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "map": {
          "description": "Name of the map.",
          "type": "string"
        },
        "added": {
          "description": "Keys that are not there yet.",
          "type": "integer",
          "minimum": 0
        },
        "changed": {
          "description": "Keys that get another value.",
          "type": "integer",
          "minimum": 0
        },
        "removed": {
          "description": "Keys that go.",
          "type": "integer",
          "minimum": 0
        },
        "samples": {
          "description": "The first few keys.",
          "type": "array",
          "items": {
            "$ref": "#/$defs/keySample"
          }
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "replaceSet": {
      "title": "ReplaceSet",
      "description": "A set that changes as a whole: another map holds the new one, and is switched to with the generation.",
      "type": "object",
      "required": [
        "kind",
        "step",
        "map",
        "before",
        "after",
        "keys",
        "kept",
        "bytes",
        "seconds",
        "secondsByKey",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "replace-set"
        },
        "step": {
          "description": "Name of the step.",
          "type": "string"
        },
        "map": {
          "description": "Name of the map.",
          "type": "string"
        },
        "before": {
          "description": "Entries now.",
          "type": "integer",
          "minimum": 0
        },
        "after": {
          "description": "Entries then.",
          "type": "integer",
          "minimum": 0
        },
        "keys": {
          "description": "Keys that would have to be written one by one.",
          "type": "integer",
          "minimum": 0
        },
        "kept": {
          "description": "The new set is still pinned from before: nothing is built.",
          "type": "boolean"
        },
        "bytes": {
          "description": "Room for keys and values of the new map, which is there beside the old one until that is cleaned up.",
          "type": "integer",
          "minimum": 0
        },
        "seconds": {
          "description": "Estimate of how long it takes to build.",
          "type": "number",
          "minimum": 0
        },
        "secondsByKey": {
          "description": "Estimate of how long it would take key by key.",
          "type": "number",
          "minimum": 0
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "keySample": {
      "title": "PlanKeySample",
      "description": "A key of a map, printed.",
      "type": "object",
      "required": [
        "key",
        "before",
        "after",
        "origin"
      ],
      "properties": {
        "key": {
          "description": "The key.",
          "type": "string",
          "examples": [
            "10.0.0.0/8"
          ]
        },
        "before": {
          "description": "The value now; null when the key is not there.",
          "type": [
            "string",
            "null"
          ]
        },
        "after": {
          "description": "The value then; null when the key goes.",
          "type": [
            "string",
            "null"
          ]
        },
        "origin": {
          "description": "Where the key is written; null when that is not known.",
          "oneOf": [
            {
              "$ref": "#/$defs/origin"
            },
            {
              "type": "null"
            }
          ]
        }
      }
    },
    "setEnd": {
      "title": "SetEnd",
      "description": "Another verdict for packets that every step lets through.",
      "type": "object",
      "required": [
        "kind",
        "before",
        "after",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "set-end"
        },
        "before": {
          "description": "Number of the verdict now.",
          "type": "integer"
        },
        "after": {
          "description": "Number of the verdict then.",
          "type": "integer"
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "setMode": {
      "title": "SetMode",
      "description": "Another XDP mode: the only change with a gap, since it needs a detach and an attach.",
      "type": "object",
      "required": [
        "kind",
        "before",
        "after",
        "origin"
      ],
      "properties": {
        "kind": {
          "description": "Kind of the change.",
          "const": "set-mode"
        },
        "before": {
          "description": "Mode now.",
          "type": "string",
          "examples": [
            "native",
            "generic",
            "none"
          ]
        },
        "after": {
          "description": "Mode then.",
          "type": "string",
          "examples": [
            "native",
            "generic",
            "auto"
          ]
        },
        "origin": {
          "description": "Where it is written.",
          "$ref": "#/$defs/origin"
        }
      }
    },
    "summary": {
      "title": "PlanSummary",
      "description": "Counts of changes and of what is done to links.",
      "type": "object",
      "required": [
        "add",
        "move",
        "replace",
        "remove",
        "sets",
        "keys",
        "settings",
        "unchanged",
        "switch",
        "attach",
        "detach",
        "restart",
        "pending",
        "cleanup"
      ],
      "properties": {
        "add": {
          "description": "Steps added.",
          "type": "integer",
          "minimum": 0
        },
        "move": {
          "description": "Steps moved.",
          "type": "integer",
          "minimum": 0
        },
        "replace": {
          "description": "Steps replaced.",
          "type": "integer",
          "minimum": 0
        },
        "remove": {
          "description": "Steps removed.",
          "type": "integer",
          "minimum": 0
        },
        "sets": {
          "description": "Sets of keys replaced as a whole.",
          "type": "integer",
          "minimum": 0
        },
        "keys": {
          "description": "Map keys written or deleted in place.",
          "type": "integer",
          "minimum": 0
        },
        "settings": {
          "description": "Chains with another end verdict or XDP mode.",
          "type": "integer",
          "minimum": 0
        },
        "unchanged": {
          "description": "Steps that stay as they are.",
          "type": "integer",
          "minimum": 0
        },
        "switch": {
          "description": "Hooks switched in one update of their link.",
          "type": "integer",
          "minimum": 0
        },
        "attach": {
          "description": "Hooks that get a link.",
          "type": "integer",
          "minimum": 0
        },
        "detach": {
          "description": "Hooks that lose theirs.",
          "type": "integer",
          "minimum": 0
        },
        "restart": {
          "description": "Hooks that need a detach and an attach.",
          "type": "integer",
          "minimum": 0
        },
        "pending": {
          "description": "Hooks whose interface does not exist.",
          "type": "integer",
          "minimum": 0
        },
        "cleanup": {
          "description": "Pins of older generations to remove.",
          "type": "integer",
          "minimum": 0
        }
      }
    },
    "refusal": {
      "title": "PlanRefusal",
      "description": "Why the plan must not be applied.",
      "type": "object",
      "required": [
        "hook",
        "code",
        "message",
        "hint"
      ],
      "properties": {
        "hook": {
          "description": "The hook it is about; null for the whole plan.",
          "oneOf": [
            {
              "$ref": "#/$defs/hook"
            },
            {
              "type": "null"
            }
          ]
        },
        "code": {
          "description": "Stable name of the reason.",
          "type": "string",
          "examples": [
            "foreign-xdp",
            "prunes-everything"
          ]
        },
        "message": {
          "description": "One sentence.",
          "type": "string"
        },
        "hint": {
          "description": "What to do about it.",
          "type": [
            "string",
            "null"
          ]
        }
      }
    },
    "warning": {
      "title": "PlanWarning",
      "description": "What to know before applying the plan.",
      "type": "object",
      "required": [
        "hook",
        "code",
        "message"
      ],
      "properties": {
        "hook": {
          "description": "The hook it is about; null for the whole plan.",
          "oneOf": [
            {
              "$ref": "#/$defs/hook"
            },
            {
              "type": "null"
            }
          ]
        },
        "code": {
          "description": "Stable name of the warning.",
          "type": "string"
        },
        "message": {
          "description": "One sentence.",
          "type": "string"
        }
      }
    },
    "operation": {
      "title": "PlanOperation",
      "description": "One change of the kernel.",
      "type": "object",
      "required": [
        "kind",
        "target",
        "hook",
        "puts",
        "deletes"
      ],
      "properties": {
        "kind": {
          "description": "What is done.",
          "enum": [
            "create-map",
            "remove-map",
            "write-map",
            "copy-map",
            "forget-copy",
            "load",
            "unload",
            "attach",
            "detach",
            "switch"
          ]
        },
        "target": {
          "description": "Path of the pin it is done to.",
          "type": "string"
        },
        "hook": {
          "description": "The hook, as \"eth0/xdp\"; null for operations on maps.",
          "type": [
            "string",
            "null"
          ]
        },
        "puts": {
          "description": "Entries written.",
          "type": "integer",
          "minimum": 0
        },
        "deletes": {
          "description": "Entries deleted.",
          "type": "integer",
          "minimum": 0
        }
      }
    }
  }
};
