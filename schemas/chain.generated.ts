// SPDX-License-Identifier: Apache-2.0
// Made from chain.schema.json by generate-types.ts: change that, then run `npm run generate`.

/**
 * Entries of one map: a mapping from key to value, or, where a key is not a single word or number, a list of {key, value}.
 */
export type MapEntries =
  | {
      [k: string]: unknown | undefined;
    }
  | MapEntry[];
/**
 * The steps, in the order packets meet them.
 *
 * @minItems 1
 * @maxItems 256
 */
export type Chain = Step[];
/**
 * What becomes of a packet that every step let through: pass it on, or drop it (the chain fails closed).
 */
export type End = "pass" | "drop";
/**
 * Count packets per step and verdict; costs at most 2 ns per step and packet.
 */
export type Counters = boolean;
/**
 * What to do when somebody else changed the chain in the kernel: tell (alert), put it back (heal), or nothing (ignore).
 */
export type Drift = "alert" | "heal" | "ignore";

/**
 * The filter chains of one network interface: interfaces/<interface>.yaml in a policy repository.
 */
export interface ChainPolicy {
  /**
   * Version of this format.
   */
  apiVersion: "sluice/v1";
  /**
   * Name of the network device, as `ip link` prints it.
   */
  interface: string;
  /**
   * Host names this file is for, as patterns: "*" stands for any characters, "?" for one. All hosts when absent.
   *
   * @minItems 1
   */
  hosts?: string[];
  xdp?: XdpHook;
  tc?: TcHooks;
}
/**
 * The chain that packets meet first, in the driver.
 */
export interface XdpHook {
  /**
   * Where the chain runs: in the driver (native), in the network stack (generic, works on any device, slower), or in the driver with the network stack as fallback (auto).
   */
  mode?: "native" | "generic" | "auto";
  chain: Chain;
  end?: End;
  counters?: Counters;
  drift?: Drift;
}
/**
 * A program (uses), a tcpdump expression with a verdict (match and verdict), or a program for the packets that an expression takes (match and uses).
 */
export interface Step {
  /**
   * Name of the step, once per chain. Counters and maps belong to this name: renaming a step starts it afresh.
   */
  name: string;
  /**
   * A filter of the library by its name, or an eBPF object of this repository by its path from the root, with "./" before it.
   */
  uses?: string;
  /**
   * The packets that the step is for, as a tcpdump expression (pcap-filter(7)) without names of hosts, ports or protocols; others go to the next step, uncounted. A packet too short for what the expression looks at does not match, also under "not".
   */
  match?: string;
  /**
   * Only with match and without uses: what becomes of the packets. xdp: aborted, drop, pass, tx. tc: next, ok, reclassify, shot, pipe, stolen, trap. After pass, ok, pipe and next the chain goes on, unless continue says otherwise.
   */
  verdict?: string;
  /**
   * Parameters of a filter of the library; each filter has its own.
   */
  with?: {
    [k: string]: unknown | undefined;
  };
  /**
   * Own objects: the function to run. May be left out when the object has only one.
   */
  function?: string;
  /**
   * Own objects: digest of the file, so that nothing else is ever loaded under its name.
   */
  sha256?: string;
  /**
   * Own objects: first values of global variables, by name. The types are those of the object's BTF.
   */
  globals?: {
    [k: string]: unknown | undefined;
  };
  /**
   * Own objects: contents of maps, by map name. Only the keys given here are Sluice's; others are left alone. A program array takes functions of the object, a devmap takes devices, a cpumap queue sizes; the last two with a function of the object where their values have room for one.
   */
  maps?: {
    [k: string]: MapEntries | undefined;
  };
  /**
   * Own objects: number of entries of maps, by map name; needed where the object leaves it open.
   */
  maxEntries?: {
    [k: string]: number | undefined;
  };
  /**
   * Own objects: maps whose values are never shown, neither in plans nor in messages, alerts or the log. Lines of such a file are not quoted.
   *
   * Items: Name of a map.
   */
  sensitive?: string[];
  /**
   * Own objects: what becomes of the state in a map when a new version defines it otherwise. copy: what the new map has by the same name keeps its value. fresh: it starts empty. refuse: the change is not applied.
   */
  migrate?: "copy" | "fresh" | "refuse";
  /**
   * Verdicts after which the next step runs; every other one ends the chain. Default: pass at xdp; ok, pipe and next at tc.
   *
   * Items: xdp: aborted, drop, pass, tx, redirect. tc: next, ok, reclassify, shot, pipe, stolen, queued, repeat, redirect, trap.
   */
  continue?: string[];
}
/**
 * One entry.
 */
export interface MapEntry {
  /**
   * The key, of the type that the object's BTF says.
   */
  key: unknown;
  /**
   * The value, of the type that the object's BTF says.
   */
  value: unknown;
}
/**
 * Chains at the traffic control hooks, where packets come in (after XDP) and go out.
 */
export interface TcHooks {
  ingress?: TcHook;
  egress?: TcHook;
}
/**
 * A chain at a traffic control hook.
 */
export interface TcHook {
  chain: Chain;
  end?: End;
  counters?: Counters;
  drift?: Drift;
}

/** chain.schema.json itself. */
export const chainSchema: object = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:sluice:schema:chain:v1",
  "title": "ChainPolicy",
  "description": "The filter chains of one network interface: interfaces/<interface>.yaml in a policy repository.",
  "type": "object",
  "required": [
    "apiVersion",
    "interface"
  ],
  "additionalProperties": false,
  "properties": {
    "apiVersion": {
      "description": "Version of this format.",
      "enum": [
        "sluice/v1"
      ]
    },
    "interface": {
      "description": "Name of the network device, as `ip link` prints it.",
      "type": "string",
      "pattern": "^(?!\\.\\.?$)[!-.0-9;-~]{1,15}$",
      "x-expected": "1 to 15 printable characters without space, \"/\" and \":\"",
      "examples": [
        "eth0",
        "bond0.100"
      ]
    },
    "hosts": {
      "description": "Host names this file is for, as patterns: \"*\" stands for any characters, \"?\" for one. All hosts when absent.",
      "type": "array",
      "minItems": 1,
      "uniqueItems": true,
      "items": {
        "type": "string",
        "minLength": 1,
        "maxLength": 253
      },
      "examples": [
        [
          "edge-*",
          "lb-01"
        ]
      ]
    },
    "xdp": {
      "$ref": "#/$defs/xdpHook"
    },
    "tc": {
      "title": "TcHooks",
      "description": "Chains at the traffic control hooks, where packets come in (after XDP) and go out.",
      "type": "object",
      "additionalProperties": false,
      "minProperties": 1,
      "properties": {
        "ingress": {
          "$ref": "#/$defs/tcHook"
        },
        "egress": {
          "$ref": "#/$defs/tcHook"
        }
      }
    }
  },
  "$defs": {
    "xdpHook": {
      "title": "XdpHook",
      "description": "The chain that packets meet first, in the driver.",
      "type": "object",
      "required": [
        "chain"
      ],
      "additionalProperties": false,
      "properties": {
        "mode": {
          "description": "Where the chain runs: in the driver (native), in the network stack (generic, works on any device, slower), or in the driver with the network stack as fallback (auto).",
          "enum": [
            "native",
            "generic",
            "auto"
          ],
          "default": "native"
        },
        "chain": {
          "$ref": "#/$defs/chain"
        },
        "end": {
          "$ref": "#/$defs/end"
        },
        "counters": {
          "$ref": "#/$defs/counters"
        },
        "drift": {
          "$ref": "#/$defs/drift"
        }
      }
    },
    "tcHook": {
      "title": "TcHook",
      "description": "A chain at a traffic control hook.",
      "type": "object",
      "required": [
        "chain"
      ],
      "additionalProperties": false,
      "properties": {
        "chain": {
          "$ref": "#/$defs/chain"
        },
        "end": {
          "$ref": "#/$defs/end"
        },
        "counters": {
          "$ref": "#/$defs/counters"
        },
        "drift": {
          "$ref": "#/$defs/drift"
        }
      }
    },
    "chain": {
      "title": "Chain",
      "description": "The steps, in the order packets meet them.",
      "type": "array",
      "minItems": 1,
      "maxItems": 256,
      "items": {
        "$ref": "#/$defs/step"
      }
    },
    "end": {
      "title": "End",
      "description": "What becomes of a packet that every step let through: pass it on, or drop it (the chain fails closed).",
      "enum": [
        "pass",
        "drop"
      ],
      "default": "pass"
    },
    "counters": {
      "title": "Counters",
      "description": "Count packets per step and verdict; costs at most 2 ns per step and packet.",
      "type": "boolean",
      "default": true
    },
    "drift": {
      "title": "Drift",
      "description": "What to do when somebody else changed the chain in the kernel: tell (alert), put it back (heal), or nothing (ignore).",
      "enum": [
        "alert",
        "heal",
        "ignore"
      ],
      "default": "alert"
    },
    "step": {
      "title": "Step",
      "description": "A program (uses), a tcpdump expression with a verdict (match and verdict), or a program for the packets that an expression takes (match and uses).",
      "type": "object",
      "required": [
        "name"
      ],
      "additionalProperties": false,
      "properties": {
        "name": {
          "description": "Name of the step, once per chain. Counters and maps belong to this name: renaming a step starts it afresh.",
          "type": "string",
          "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
          "x-expected": "1 to 63 letters, digits, \".\", \"_\" and \"-\", the first a letter or digit",
          "examples": [
            "bogons",
            "syn-limit"
          ]
        },
        "uses": {
          "description": "A filter of the library by its name, or an eBPF object of this repository by its path from the root, with \"./\" before it.",
          "type": "string",
          "minLength": 1,
          "examples": [
            "acl",
            "rate-limit",
            "./objects/balancer.bpf.o"
          ]
        },
        "match": {
          "description": "The packets that the step is for, as a tcpdump expression (pcap-filter(7)) without names of hosts, ports or protocols; others go to the next step, uncounted. A packet too short for what the expression looks at does not match, also under \"not\".",
          "type": "string",
          "minLength": 1,
          "maxLength": 32768,
          "examples": [
            "udp and src port (19 or 53 or 123 or 1900)"
          ]
        },
        "verdict": {
          "description": "Only with match and without uses: what becomes of the packets. xdp: aborted, drop, pass, tx. tc: next, ok, reclassify, shot, pipe, stolen, trap. After pass, ok, pipe and next the chain goes on, unless continue says otherwise.",
          "type": "string",
          "minLength": 1,
          "examples": [
            "drop",
            "shot"
          ]
        },
        "with": {
          "description": "Parameters of a filter of the library; each filter has its own.",
          "type": "object",
          "additionalProperties": true
        },
        "function": {
          "description": "Own objects: the function to run. May be left out when the object has only one.",
          "type": "string",
          "minLength": 1,
          "examples": [
            "balancer_ingress"
          ]
        },
        "sha256": {
          "description": "Own objects: digest of the file, so that nothing else is ever loaded under its name.",
          "type": "string",
          "pattern": "^[0-9a-f]{64}$",
          "x-expected": "64 lower-case hexadecimal digits"
        },
        "globals": {
          "description": "Own objects: first values of global variables, by name. The types are those of the object's BTF.",
          "type": "object",
          "additionalProperties": true,
          "examples": [
            {
              "max_backends": 16
            }
          ]
        },
        "maps": {
          "description": "Own objects: contents of maps, by map name. Only the keys given here are Sluice's; others are left alone. A program array takes functions of the object, a devmap takes devices, a cpumap queue sizes; the last two with a function of the object where their values have room for one.",
          "type": "object",
          "additionalProperties": {
            "$ref": "#/$defs/mapEntries"
          },
          "examples": [
            {
              "ctl_array": {
                "0": {
                  "mac": "02:00:00:00:00:01"
                }
              },
              "jump": {
                "0": {
                  "function": "parse_tcp"
                }
              },
              "ports": {
                "0": {
                  "device": "eth1"
                }
              }
            }
          ]
        },
        "maxEntries": {
          "description": "Own objects: number of entries of maps, by map name; needed where the object leaves it open.",
          "type": "object",
          "additionalProperties": {
            "type": "integer",
            "minimum": 1,
            "maximum": 4294967295
          },
          "examples": [
            {
              "flows": 65536
            }
          ]
        },
        "sensitive": {
          "description": "Own objects: maps whose values are never shown, neither in plans nor in messages, alerts or the log. Lines of such a file are not quoted.",
          "type": "array",
          "uniqueItems": true,
          "items": {
            "description": "Name of a map.",
            "type": "string"
          },
          "examples": [
            [
              "tokens"
            ]
          ]
        },
        "migrate": {
          "description": "Own objects: what becomes of the state in a map when a new version defines it otherwise. copy: what the new map has by the same name keeps its value. fresh: it starts empty. refuse: the change is not applied.",
          "enum": [
            "copy",
            "fresh",
            "refuse"
          ],
          "default": "copy"
        },
        "continue": {
          "description": "Verdicts after which the next step runs; every other one ends the chain. Default: pass at xdp; ok, pipe and next at tc.",
          "type": "array",
          "uniqueItems": true,
          "items": {
            "description": "xdp: aborted, drop, pass, tx, redirect. tc: next, ok, reclassify, shot, pipe, stolen, queued, repeat, redirect, trap.",
            "type": "string"
          },
          "examples": [
            [
              "pass"
            ]
          ]
        }
      }
    },
    "mapEntries": {
      "title": "MapEntries",
      "description": "Entries of one map: a mapping from key to value, or, where a key is not a single word or number, a list of {key, value}.",
      "type": [
        "object",
        "array"
      ],
      "additionalProperties": true,
      "items": {
        "title": "MapEntry",
        "description": "One entry.",
        "type": "object",
        "required": [
          "key",
          "value"
        ],
        "additionalProperties": false,
        "properties": {
          "key": {
            "description": "The key, of the type that the object's BTF says.",
            "tsType": "unknown"
          },
          "value": {
            "description": "The value, of the type that the object's BTF says.",
            "tsType": "unknown"
          }
        }
      },
      "examples": [
        {
          "80": 1
        },
        [
          {
            "key": {
              "addr": "10.0.0.1",
              "port": 80
            },
            "value": 1
          }
        ]
      ]
    }
  }
};
