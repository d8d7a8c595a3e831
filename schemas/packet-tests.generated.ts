// SPDX-License-Identifier: Apache-2.0
// Made from packet-tests.schema.json by generate-types.ts: change that, then run `npm run generate`.

/**
 * Packets and what chains must do with them: tests/*.yaml in a policy repository, run by `sluice test`.
 */
export interface PacketTests {
  /**
   * Version of this format.
   */
  apiVersion: "sluice/v1";
  /**
   * Host name that the policies' `hosts:` are matched with; the name given to `sluice test`, or this machine's, when absent.
   */
  host?: string;
  /**
   * Each starts with a chain that has just been loaded: nothing counted, tables as the policy fills them.
   *
   * @minItems 1
   * @maxItems 1000
   */
  tests: PacketTest[];
}
/**
 * Packets in a row through one chain.
 */
export interface PacketTest {
  /**
   * What must be so, in a few words.
   */
  name: string;
  /**
   * The chain, as plans print it: interface and hook.
   */
  hook: string;
  /**
   * What is sent, in this order.
   *
   * @minItems 1
   * @maxItems 1000
   */
  packets: PacketEntry[];
  /**
   * Packets that steps must have counted in the end, by step and verdict; others are not looked at.
   */
  counters?: {
    [k: string]:
      | {
          [k: string]: number | string | undefined;
        }
      | undefined;
  };
}
/**
 * A packet (packet, hex or pcap) with what must happen to it, or a wait.
 */
export interface PacketEntry {
  /**
   * Layers with "/" between, outermost first, each with its fields.
   */
  packet?: string;
  /**
   * The whole frame in hexadecimal; spaces are ignored.
   */
  hex?: string;
  /**
   * A capture of the repository, pcap or pcapng: each of its frames is sent.
   */
  pcap?: string;
  /**
   * Which frames of the capture, counted from 1: "3" or "1-20"; all when absent.
   */
  frames?: string | number;
  /**
   * Which frames of the capture: those that a tcpdump expression takes, of those that frames leaves.
   */
  match?: string;
  /**
   * How often it is sent.
   */
  times?: number;
  /**
   * Nothing is sent for so long, for filters that look at the clock.
   */
  wait?: string;
  /**
   * What the chain must say, by its name at this hook.
   */
  verdict?: string;
  /**
   * The step that must decide; "end" when every step must let it through.
   */
  step?: string;
  /**
   * The packet as the chain must leave it, written like packet, or "unchanged".
   */
  output?: string;
}

/** packet-tests.schema.json itself. */
export const packetTestsSchema: object = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:sluice:schema:packet-tests:v1",
  "title": "PacketTests",
  "description": "Packets and what chains must do with them: tests/*.yaml in a policy repository, run by `sluice test`.",
  "type": "object",
  "required": [
    "apiVersion",
    "tests"
  ],
  "additionalProperties": false,
  "properties": {
    "apiVersion": {
      "description": "Version of this format.",
      "enum": [
        "sluice/v1"
      ]
    },
    "host": {
      "description": "Host name that the policies' `hosts:` are matched with; the name given to `sluice test`, or this machine's, when absent.",
      "type": "string",
      "minLength": 1,
      "maxLength": 253,
      "examples": [
        "edge-1"
      ]
    },
    "tests": {
      "description": "Each starts with a chain that has just been loaded: nothing counted, tables as the policy fills them.",
      "type": "array",
      "minItems": 1,
      "maxItems": 1000,
      "items": {
        "$ref": "#/$defs/test"
      }
    }
  },
  "$defs": {
    "test": {
      "title": "PacketTest",
      "description": "Packets in a row through one chain.",
      "type": "object",
      "required": [
        "name",
        "hook",
        "packets"
      ],
      "additionalProperties": false,
      "properties": {
        "name": {
          "description": "What must be so, in a few words.",
          "type": "string",
          "minLength": 1,
          "maxLength": 200
        },
        "hook": {
          "description": "The chain, as plans print it: interface and hook.",
          "type": "string",
          "pattern": "^.{1,15}/(xdp|tc-ingress|tc-egress)$",
          "x-expected": "an interface and xdp, tc-ingress or tc-egress, like \"eth0/xdp\"",
          "examples": [
            "eth0/xdp",
            "eth0/tc-egress"
          ]
        },
        "packets": {
          "description": "What is sent, in this order.",
          "type": "array",
          "minItems": 1,
          "maxItems": 1000,
          "items": {
            "$ref": "#/$defs/packet"
          }
        },
        "counters": {
          "description": "Packets that steps must have counted in the end, by step and verdict; others are not looked at.",
          "type": "object",
          "additionalProperties": {
            "type": "object",
            "additionalProperties": {
              "type": [
                "integer",
                "string"
              ],
              "minimum": 0,
              "pattern": "^[<>]=[0-9]{1,15}$",
              "x-expected": "a number, or a bound like \">=100\""
            }
          },
          "examples": [
            {
              "blocklist": {
                "drop": 3
              },
              "limit": {
                "drop": ">=100"
              }
            }
          ]
        }
      }
    },
    "packet": {
      "title": "PacketEntry",
      "description": "A packet (packet, hex or pcap) with what must happen to it, or a wait.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "packet": {
          "description": "Layers with \"/\" between, outermost first, each with its fields.",
          "type": "string",
          "minLength": 1,
          "maxLength": 4000,
          "examples": [
            "ip src 10.0.0.1/tcp dport 443 flags S"
          ]
        },
        "hex": {
          "description": "The whole frame in hexadecimal; spaces are ignored.",
          "type": "string",
          "minLength": 1
        },
        "pcap": {
          "description": "A capture of the repository, pcap or pcapng: each of its frames is sent.",
          "type": "string",
          "minLength": 1,
          "examples": [
            "tests/captures/scan.pcap"
          ]
        },
        "frames": {
          "description": "Which frames of the capture, counted from 1: \"3\" or \"1-20\"; all when absent.",
          "type": [
            "string",
            "integer"
          ],
          "examples": [
            "1-20"
          ]
        },
        "match": {
          "description": "Which frames of the capture: those that a tcpdump expression takes, of those that frames leaves.",
          "type": "string",
          "minLength": 1,
          "maxLength": 32768,
          "examples": [
            "tcp port 443"
          ]
        },
        "times": {
          "description": "How often it is sent.",
          "type": "integer",
          "minimum": 1,
          "maximum": 100000,
          "default": 1
        },
        "wait": {
          "description": "Nothing is sent for so long, for filters that look at the clock.",
          "type": "string",
          "pattern": "^[0-9]{1,5}(ms|s)$",
          "x-expected": "a number and ms or s, like \"1500ms\"",
          "examples": [
            "1s"
          ]
        },
        "verdict": {
          "description": "What the chain must say, by its name at this hook.",
          "type": "string",
          "minLength": 1,
          "examples": [
            "drop"
          ]
        },
        "step": {
          "description": "The step that must decide; \"end\" when every step must let it through.",
          "type": "string",
          "minLength": 1
        },
        "output": {
          "description": "The packet as the chain must leave it, written like packet, or \"unchanged\".",
          "type": "string",
          "minLength": 1,
          "maxLength": 4000
        }
      }
    }
  }
};
