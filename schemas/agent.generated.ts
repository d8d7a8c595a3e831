// SPDX-License-Identifier: Apache-2.0
// Made from agent.schema.json by generate-types.ts: change that, then run `npm run generate`.

/**
 * Configuration of the agent on one host: sluice agent --config FILE. Everything here can be given on the command line too, where it wins.
 */
export interface AgentFile {
  /**
   * Version of this format.
   */
  apiVersion: "sluice/v1";
  /**
   * Policy repository: https://…, ssh://… or an absolute path. Passwords do not belong here: see credentials.
   */
  repo?: string;
  /**
   * Branch to follow. At most one of branch, tag and commit; branch main when none is given.
   */
  branch?: string;
  /**
   * Tag to follow.
   */
  tag?: string;
  /**
   * Commit to stay at.
   */
  commit?: string;
  /**
   * Folder of the repository that holds the policy; the whole repository when absent.
   */
  path?: string;
  /**
   * A folder on this host instead of a repository.
   */
  dir?: string;
  /**
   * Name that `hosts:` of a policy is matched with; this machine's name when absent.
   */
  host?: string;
  /**
   * Directory for journal, history and the repository's copy.
   */
  state?: string;
  /**
   * Directory on a bpffs for programs, maps and links.
   */
  bpffs?: string;
  /**
   * Longest time for one look at the repository, all in all.
   */
  timeout?: string;
  poll?: AgentPoll;
  drift?: AgentDrift;
  confirm?: AgentConfirm;
  credentials?: AgentCredentials;
  verify?: AgentVerify;
  /**
   * A commit that does not go on from what was applied last, because the branch was rewound or rewritten. follow: take it. alert: take it, and tell. refuse: keep what runs.
   */
  forcePush?: "follow" | "alert" | "refuse";
  limits?: AgentLimits;
  log?: AgentLog;
  metrics?: AgentMetrics;
  /**
   * Who is told when something is not as it should be, and when that is over.
   *
   * @maxItems 16
   */
  alerts?: AgentReceiver[];
  /**
   * Allow a policy that leaves no chain at all on this host.
   */
  pruneAll?: boolean;
}
/**
 * How often to look at the repository. A local one is watched as well.
 */
export interface AgentPoll {
  /**
   * Time between two looks, at least 1s.
   */
  interval?: string;
  /**
   * How much longer or shorter, by chance, as a part of the interval.
   */
  jitter?: number;
}
/**
 * Comparing the kernel with what was applied last.
 */
export interface AgentDrift {
  /**
   * Time between two comparisons, at least 1s.
   */
  interval?: string;
  /**
   * alert: report it, and heal the chains whose policy says `drift: heal`. heal: heal all chains. off: do not compare.
   */
  mode?: "alert" | "heal" | "off";
}
/**
 * Take every new revision back unless it proves good in time. Without this, a revision that was applied and verified stays.
 */
export interface AgentConfirm {
  /**
   * Taken back when not confirmed after this time, from 1s to 24h. A process of its own sees to it, whatever becomes of the agent.
   */
  timeout?: string;
  /**
   * All probes have to hold for this long, without a break.
   */
  bake?: string;
  /**
   * Time between two rounds of probes.
   */
  every?: string;
  /**
   * Longest time for one probe.
   */
  patience?: string;
  /**
   * An agent that is silent for longer has its change taken back.
   */
  heartbeat?: string;
  /**
   * probes: confirmed once they have held. hand: by `sluice confirm` only.
   */
  by?: "probes" | "hand";
  /**
   * What has to work.
   *
   * @maxItems 32
   */
  probes?: AgentProbe[];
  /**
   * Interfaces whose chains may not drop more, counted from the change on.
   *
   * @maxItems 64
   */
  drops?: AgentDrops[];
}
/**
 * One of these.
 */
export interface AgentProbe {
  /**
   * A new connection to host:port is accepted.
   */
  tcp?: string;
  /**
   * A GET is answered with a status below 400.
   */
  http?: string;
  /**
   * An echo is answered; needs ping(8).
   */
  ping?: string;
  /**
   * The policy repository can be asked.
   */
  git?: true;
  /**
   * A program and its arguments, without a shell; holds when it ends with 0.
   *
   * @minItems 1
   */
  command?: string[];
}
export interface AgentDrops {
  /**
   * Its name.
   */
  interface: string;
  /**
   * More than so many per cent of the packets is a failure.
   */
  above: number;
  /**
   * Says nothing before so many packets.
   */
  packets?: number;
}
/**
 * How to prove who we are to the repository's server, by files.
 */
export interface AgentCredentials {
  /**
   * https: user name.
   */
  username?: string;
  /**
   * https: file with the password or token.
   */
  passwordFile?: string;
  /**
   * https: certificates that the server's must descend from.
   */
  caFile?: string;
  /**
   * https: client certificate.
   */
  certFile?: string;
  /**
   * https: key of the client certificate.
   */
  keyFile?: string;
  /**
   * ssh: private key.
   */
  identityFile?: string;
  /**
   * ssh: the hosts to trust; others are refused.
   */
  knownHostsFile?: string;
}
/**
 * Take only commits that somebody has signed whom this host knows. Without it every commit is taken.
 */
export interface AgentVerify {
  /**
   * ssh keys: a file of allowed signers, as in ssh-keygen(1). Lines with valid-before, valid-after or cert-authority are refused: remove a key instead of ending it.
   */
  allowedSigners?: string;
  /**
   * OpenPGP keys: a file as `gpg --export` writes it, without --armor.
   */
  keyring?: string;
  /**
   * What has to be signed. head: the newest commit. tag: the tag that is followed. commits: every commit on the first-parent line since the one that was applied last.
   */
  mode?: "head" | "tag" | "commits";
}
/**
 * How much of a repository to take; more is refused.
 */
export interface AgentLimits {
  /**
   * Files.
   */
  files?: number;
  /**
   * Bytes of one file.
   */
  fileBytes?: number;
  /**
   * Bytes of all files.
   */
  totalBytes?: number;
  /**
   * Folders below one another.
   */
  depth?: number;
  /**
   * Bytes that one fetch may write to disk.
   */
  fetchBytes?: number;
}
/**
 * The log, on standard error.
 */
export interface AgentLog {
  /**
   * Least important messages to write.
   */
  level?: "debug" | "info" | "warn" | "error";
  /**
   * json for machines, pretty for people.
   */
  format?: "json" | "pretty";
}
/**
 * Metrics for Prometheus, by HTTP at /metrics. Without it nothing listens.
 */
export interface AgentMetrics {
  /**
   * Address and port. Whoever reaches it can read names of steps, revisions and counters: leave it on the loopback, or behind what you trust.
   */
  listen: string;
}
/**
 * A name, and one of webhook, alertmanager and command.
 */
export interface AgentReceiver {
  /**
   * What it has been told is remembered under this name.
   */
  name: string;
  webhook?: AgentWebhook;
  alertmanager?: AgentAlertmanager;
  /**
   * A program and its arguments, without a shell; each event is JSON on its standard input. Tried again until it ends with 0.
   *
   * @minItems 1
   */
  command?: string[];
}
/**
 * Each event as a POST with JSON.
 */
export interface AgentWebhook {
  /**
   * http: or https: address.
   */
  url: string;
  /**
   * A file with the secret that signs deliveries: HMAC-SHA256 over time and body, in the header X-Sluice-Signature. Read for each delivery.
   */
  secretFile?: string;
}
/**
 * Prometheus's Alertmanager, API v2. What fires is sent again every minute.
 */
export interface AgentAlertmanager {
  /**
   * Its address, without /api/v2/alerts.
   */
  url: string;
}

/** agent.schema.json itself. */
export const agentSchema: object = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:sluice:schema:agent:v1",
  "title": "AgentFile",
  "description": "Configuration of the agent on one host: sluice agent --config FILE. Everything here can be given on the command line too, where it wins.",
  "type": "object",
  "required": [
    "apiVersion"
  ],
  "additionalProperties": false,
  "properties": {
    "apiVersion": {
      "description": "Version of this format.",
      "enum": [
        "sluice/v1"
      ]
    },
    "repo": {
      "description": "Policy repository: https://…, ssh://… or an absolute path. Passwords do not belong here: see credentials.",
      "type": "string",
      "minLength": 1,
      "examples": [
        "https://git.example.net/net/filters.git",
        "ssh://git@git.example.net/net/filters.git",
        "/srv/git/filters.git"
      ]
    },
    "branch": {
      "description": "Branch to follow. At most one of branch, tag and commit; branch main when none is given.",
      "type": "string",
      "minLength": 1,
      "examples": [
        "main"
      ]
    },
    "tag": {
      "description": "Tag to follow.",
      "type": "string",
      "minLength": 1,
      "examples": [
        "v1.2"
      ]
    },
    "commit": {
      "description": "Commit to stay at.",
      "type": "string",
      "pattern": "^[0-9a-f]{40}$",
      "x-expected": "40 hex digits"
    },
    "path": {
      "description": "Folder of the repository that holds the policy; the whole repository when absent.",
      "type": "string",
      "examples": [
        "hosts/edge"
      ]
    },
    "dir": {
      "description": "A folder on this host instead of a repository.",
      "type": "string",
      "minLength": 1
    },
    "host": {
      "description": "Name that `hosts:` of a policy is matched with; this machine's name when absent.",
      "type": "string",
      "minLength": 1
    },
    "state": {
      "description": "Directory for journal, history and the repository's copy.",
      "type": "string",
      "pattern": "^/",
      "x-expected": "an absolute path",
      "default": "/var/lib/sluice"
    },
    "bpffs": {
      "description": "Directory on a bpffs for programs, maps and links.",
      "type": "string",
      "pattern": "^/",
      "x-expected": "an absolute path",
      "default": "/sys/fs/bpf/sluice"
    },
    "timeout": {
      "description": "Longest time for one look at the repository, all in all.",
      "$ref": "#/$defs/duration",
      "default": "60s"
    },
    "poll": {
      "title": "AgentPoll",
      "description": "How often to look at the repository. A local one is watched as well.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "interval": {
          "description": "Time between two looks, at least 1s.",
          "$ref": "#/$defs/duration",
          "default": "60s"
        },
        "jitter": {
          "description": "How much longer or shorter, by chance, as a part of the interval.",
          "type": "number",
          "minimum": 0,
          "maximum": 0.5,
          "default": 0.1
        }
      }
    },
    "drift": {
      "title": "AgentDrift",
      "description": "Comparing the kernel with what was applied last.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "interval": {
          "description": "Time between two comparisons, at least 1s.",
          "$ref": "#/$defs/duration",
          "default": "60s"
        },
        "mode": {
          "description": "alert: report it, and heal the chains whose policy says `drift: heal`. heal: heal all chains. off: do not compare.",
          "enum": [
            "alert",
            "heal",
            "off"
          ],
          "default": "alert"
        }
      }
    },
    "confirm": {
      "title": "AgentConfirm",
      "description": "Take every new revision back unless it proves good in time. Without this, a revision that was applied and verified stays.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "timeout": {
          "description": "Taken back when not confirmed after this time, from 1s to 24h. A process of its own sees to it, whatever becomes of the agent.",
          "$ref": "#/$defs/duration",
          "default": "5m"
        },
        "bake": {
          "description": "All probes have to hold for this long, without a break.",
          "$ref": "#/$defs/duration",
          "default": "60s"
        },
        "every": {
          "description": "Time between two rounds of probes.",
          "$ref": "#/$defs/duration",
          "default": "2s"
        },
        "patience": {
          "description": "Longest time for one probe.",
          "$ref": "#/$defs/duration",
          "default": "3s"
        },
        "heartbeat": {
          "description": "An agent that is silent for longer has its change taken back.",
          "$ref": "#/$defs/duration",
          "default": "15s"
        },
        "by": {
          "description": "probes: confirmed once they have held. hand: by `sluice confirm` only.",
          "enum": [
            "probes",
            "hand"
          ],
          "default": "probes"
        },
        "probes": {
          "description": "What has to work.",
          "type": "array",
          "maxItems": 32,
          "items": {
            "title": "AgentProbe",
            "description": "One of these.",
            "type": "object",
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
              "tcp": {
                "description": "A new connection to host:port is accepted.",
                "type": "string",
                "minLength": 3,
                "examples": [
                  "192.0.2.1:22",
                  "[2001:db8::1]:443"
                ]
              },
              "http": {
                "description": "A GET is answered with a status below 400.",
                "type": "string",
                "minLength": 8,
                "examples": [
                  "https://www.example.net/health"
                ]
              },
              "ping": {
                "description": "An echo is answered; needs ping(8).",
                "type": "string",
                "minLength": 1,
                "examples": [
                  "192.0.2.1"
                ]
              },
              "git": {
                "description": "The policy repository can be asked.",
                "const": true
              },
              "command": {
                "description": "A program and its arguments, without a shell; holds when it ends with 0.",
                "type": "array",
                "minItems": 1,
                "items": {
                  "type": "string"
                },
                "examples": [
                  [
                    "/usr/local/bin/check-edge",
                    "--quick"
                  ]
                ]
              }
            }
          }
        },
        "drops": {
          "description": "Interfaces whose chains may not drop more, counted from the change on.",
          "type": "array",
          "maxItems": 64,
          "items": {
            "title": "AgentDrops",
            "type": "object",
            "required": [
              "interface",
              "above"
            ],
            "additionalProperties": false,
            "properties": {
              "interface": {
                "description": "Its name.",
                "type": "string",
                "minLength": 1
              },
              "above": {
                "description": "More than so many per cent of the packets is a failure.",
                "type": "number",
                "minimum": 0,
                "maximum": 100
              },
              "packets": {
                "description": "Says nothing before so many packets.",
                "type": "integer",
                "minimum": 1,
                "default": 100
              }
            }
          }
        }
      }
    },
    "credentials": {
      "title": "AgentCredentials",
      "description": "How to prove who we are to the repository's server, by files.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "username": {
          "description": "https: user name.",
          "type": "string",
          "minLength": 1,
          "default": "git"
        },
        "passwordFile": {
          "description": "https: file with the password or token.",
          "type": "string",
          "minLength": 1
        },
        "caFile": {
          "description": "https: certificates that the server's must descend from.",
          "type": "string",
          "minLength": 1
        },
        "certFile": {
          "description": "https: client certificate.",
          "type": "string",
          "minLength": 1
        },
        "keyFile": {
          "description": "https: key of the client certificate.",
          "type": "string",
          "minLength": 1
        },
        "identityFile": {
          "description": "ssh: private key.",
          "type": "string",
          "minLength": 1
        },
        "knownHostsFile": {
          "description": "ssh: the hosts to trust; others are refused.",
          "type": "string",
          "minLength": 1
        }
      }
    },
    "verify": {
      "title": "AgentVerify",
      "description": "Take only commits that somebody has signed whom this host knows. Without it every commit is taken.",
      "type": "object",
      "additionalProperties": false,
      "minProperties": 1,
      "properties": {
        "allowedSigners": {
          "description": "ssh keys: a file of allowed signers, as in ssh-keygen(1). Lines with valid-before, valid-after or cert-authority are refused: remove a key instead of ending it.",
          "type": "string",
          "pattern": "^/",
          "x-expected": "an absolute path",
          "examples": [
            "/etc/sluice/allowed_signers"
          ]
        },
        "keyring": {
          "description": "OpenPGP keys: a file as `gpg --export` writes it, without --armor.",
          "type": "string",
          "pattern": "^/",
          "x-expected": "an absolute path",
          "examples": [
            "/etc/sluice/signers.gpg"
          ]
        },
        "mode": {
          "description": "What has to be signed. head: the newest commit. tag: the tag that is followed. commits: every commit on the first-parent line since the one that was applied last.",
          "enum": [
            "head",
            "tag",
            "commits"
          ],
          "default": "head"
        }
      }
    },
    "forcePush": {
      "description": "A commit that does not go on from what was applied last, because the branch was rewound or rewritten. follow: take it. alert: take it, and tell. refuse: keep what runs.",
      "enum": [
        "follow",
        "alert",
        "refuse"
      ],
      "default": "alert"
    },
    "limits": {
      "title": "AgentLimits",
      "description": "How much of a repository to take; more is refused.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "files": {
          "description": "Files.",
          "type": "integer",
          "minimum": 1,
          "default": 10000
        },
        "fileBytes": {
          "description": "Bytes of one file.",
          "type": "integer",
          "minimum": 1,
          "default": 67108864
        },
        "totalBytes": {
          "description": "Bytes of all files.",
          "type": "integer",
          "minimum": 1,
          "default": 268435456
        },
        "depth": {
          "description": "Folders below one another.",
          "type": "integer",
          "minimum": 1,
          "default": 32
        },
        "fetchBytes": {
          "description": "Bytes that one fetch may write to disk.",
          "type": "integer",
          "minimum": 1,
          "default": 536870912
        }
      }
    },
    "log": {
      "title": "AgentLog",
      "description": "The log, on standard error.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "level": {
          "description": "Least important messages to write.",
          "enum": [
            "debug",
            "info",
            "warn",
            "error"
          ],
          "default": "info"
        },
        "format": {
          "description": "json for machines, pretty for people.",
          "enum": [
            "json",
            "pretty"
          ],
          "default": "json"
        }
      }
    },
    "metrics": {
      "title": "AgentMetrics",
      "description": "Metrics for Prometheus, by HTTP at /metrics. Without it nothing listens.",
      "type": "object",
      "required": [
        "listen"
      ],
      "additionalProperties": false,
      "properties": {
        "listen": {
          "description": "Address and port. Whoever reaches it can read names of steps, revisions and counters: leave it on the loopback, or behind what you trust.",
          "type": "string",
          "pattern": "^(\\[[0-9a-fA-F:]+\\]|[0-9A-Za-z.-]+):[0-9]{1,5}$",
          "x-expected": "an address and a port: 127.0.0.1:9711",
          "examples": [
            "127.0.0.1:9711",
            "[::1]:9711"
          ]
        }
      }
    },
    "alerts": {
      "description": "Who is told when something is not as it should be, and when that is over.",
      "type": "array",
      "maxItems": 16,
      "items": {
        "title": "AgentReceiver",
        "description": "A name, and one of webhook, alertmanager and command.",
        "type": "object",
        "required": [
          "name"
        ],
        "additionalProperties": false,
        "minProperties": 2,
        "maxProperties": 2,
        "properties": {
          "name": {
            "description": "What it has been told is remembered under this name.",
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{1,63}$",
            "x-expected": "letters, digits, - and _",
            "examples": [
              "ops"
            ]
          },
          "webhook": {
            "title": "AgentWebhook",
            "description": "Each event as a POST with JSON.",
            "type": "object",
            "required": [
              "url"
            ],
            "additionalProperties": false,
            "properties": {
              "url": {
                "description": "http: or https: address.",
                "type": "string",
                "pattern": "^https?://",
                "x-expected": "an address that begins with https:// or http://"
              },
              "secretFile": {
                "description": "A file with the secret that signs deliveries: HMAC-SHA256 over time and body, in the header X-Sluice-Signature. Read for each delivery.",
                "type": "string",
                "pattern": "^/",
                "x-expected": "an absolute path"
              }
            }
          },
          "alertmanager": {
            "title": "AgentAlertmanager",
            "description": "Prometheus's Alertmanager, API v2. What fires is sent again every minute.",
            "type": "object",
            "required": [
              "url"
            ],
            "additionalProperties": false,
            "properties": {
              "url": {
                "description": "Its address, without /api/v2/alerts.",
                "type": "string",
                "pattern": "^https?://",
                "x-expected": "an address that begins with https:// or http://",
                "examples": [
                  "http://127.0.0.1:9093"
                ]
              }
            }
          },
          "command": {
            "description": "A program and its arguments, without a shell; each event is JSON on its standard input. Tried again until it ends with 0.",
            "type": "array",
            "minItems": 1,
            "items": {
              "type": "string"
            },
            "examples": [
              [
                "/usr/local/bin/page",
                "--from",
                "sluice"
              ]
            ]
          }
        }
      }
    },
    "pruneAll": {
      "description": "Allow a policy that leaves no chain at all on this host.",
      "type": "boolean",
      "default": false
    }
  },
  "$defs": {
    "duration": {
      "type": "string",
      "pattern": "^[0-9]{1,9}(ms|s|m|h|d)$",
      "x-expected": "a number and a unit: 250ms, 30s, 5m, 1h",
      "examples": [
        "30s",
        "5m"
      ]
    }
  }
};
