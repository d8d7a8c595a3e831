// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../bpf/package-root.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import type { Lab } from "../lab/lab.ts";

/** A chain of eight steps, the same at every interface. */
export interface IdlePolicy {
  readonly label: string;
  snapshot(interfaces: readonly string[]): Snapshot;
}

/** The two ends of what eight steps can be: filters with many maps, and programs with none. */
export function idlePolicies({ compile }: Lab): readonly IdlePolicy[] {
  const small = compile(readFileSync(join(packageRoot(), "test/bench/small-steps.bpf.c"), "utf8"), "small-steps");
  return [
    { label: "8 library filters", snapshot: (interfaces) => snapshotOf(interfaces, libraryFilters, []) },
    {
      label: "8 own steps without maps",
      snapshot: (interfaces) => snapshotOf(interfaces, ownSteps(small), [["objects/small.bpf.o", small]]),
    },
  ];
}

type File = readonly [string, Uint8Array];

function snapshotOf(interfaces: readonly string[], policy: (name: string) => string, objects: readonly File[]): Snapshot {
  const revision = { name: "dir:bench", commit: null, author: null, subject: null, committed: null };
  const files = interfaces.map((name): File => [`interfaces/${name}.yaml`, Buffer.from(policy(name))]);
  return { revision, files: new Map([...files, ...objects]) };
}

/** Five lists of rules and three limits, much as policies/edge has them; few keys per limit, to need little memory. */
function libraryFilters(name: string): string {
  return `apiVersion: sluice/v1
interface: ${name}
xdp:
  mode: generic
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ src: [0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 240.0.0.0/4, "::1/128", "2001:db8::/32"], action: drop }] }
    - name: blocklist
      uses: acl
      with: { rules: [{ src: 198.51.100.10, protocol: tcp, dport: 443, action: pass }, { src: [198.51.100.0/24, 203.0.113.7], action: drop }] }
    - name: amplification
      uses: acl
      with: { rules: [{ protocol: udp, sport: [19, 111, 123, 161, 389, 1900, 11211], action: drop }] }
    - name: management
      uses: acl
      with: { rules: [{ src: 192.0.2.0/24, protocol: tcp, dport: 22, action: pass }, { protocol: tcp, dport: 22, action: drop }] }
    - name: no-telnet
      uses: acl
      with: { rules: [{ protocol: tcp, dport: [23, 2323], action: drop }] }
    - name: syn-limit
      uses: rate-limit
      with: { limit: 200, unit: cps, per: src, ports: [80, 443], max_keys: 1024 }
    - name: ping-limit
      uses: rate-limit
      with: { limit: 1000, per: global, protocol: [icmp, icmp6], max_keys: 1024 }
    - name: dns-limit
      uses: rate-limit
      with: { limit: 5000, per: dst, protocol: udp, ports: [53], max_keys: 1024 }
`;
}

function ownSteps(object: Uint8Array): (name: string) => string {
  const sha256 = createHash("sha256").update(object).digest("hex");
  const steps = Array.from(
    { length: 8 },
    (_, number) => `    - { name: small-${number}, uses: ./objects/small.bpf.o, sha256: ${sha256}, function: small_${number} }`,
  );
  return (name) => `apiVersion: sluice/v1
interface: ${name}
xdp:
  mode: generic
  chain:
${steps.join("\n")}
`;
}
