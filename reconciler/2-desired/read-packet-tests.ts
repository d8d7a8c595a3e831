// SPDX-License-Identifier: Apache-2.0

import { verdicts } from "../../bpf/chain/verdict.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { Expressions } from "../../bpf/match/compile-match.ts";
import {
  type PacketEntry,
  type PacketTests,
  type PacketTest as PacketTestYaml,
  packetTestsSchema,
} from "../../schemas/packet-tests.generated.ts";
import type { Hook } from "../model/hook.ts";
import type { ExpectedCount, PacketTest, TestEntry } from "../model/packet-test.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { checkSchema } from "./check-schema.ts";
import { readPolicyFile } from "./read-policy-file.ts";
import { diagnose, originAt, type Report } from "./source-file.ts";
import { didYouMean } from "./suggest.ts";
import { outputOf, sentFrames } from "./test-frames.ts";
import type { TestPlace } from "./test-place.ts";
import { entryOf, nodeAt, placeAt, plainValue, type YamlPath } from "./yaml-tree.ts";

/** What tests are checked against: the chains of the policy. */
export interface KnownChains {
  /** Names of the hooks that a host's policy has, as plans print them; with `host` null those of any host. */
  hooks(host: string | null): readonly string[];
  /** Names of the steps of a chain, in order. */
  steps(host: string | null, hook: string): readonly string[];
}

export interface TestInput {
  readonly snapshot: Snapshot;
  readonly expressions: Expressions;
}

/** The paths of the test files, in order: every YAML file below tests/. */
function findPacketTests(files: ReadonlyMap<string, Uint8Array>): readonly string[] {
  return [...files.keys()].filter((path) => /^tests\/.*\.ya?ml$/.test(path)).sort();
}

/** Every test of a policy repository that is sound. What is wrong is reported; captures are files of the repository too. */
export function readPacketTests({ snapshot, expressions }: TestInput, known: KnownChains, report: Report): readonly PacketTest[] {
  const { files } = snapshot;
  return findPacketTests(files).flatMap((path) => {
    const file = readPolicyFile(path, files.get(path) as Uint8Array, report);
    if (file === null) return [];
    const value = plainValue(file.root);
    const fit = checkSchema(packetTestsSchema, value, file.source, file.root, [], report);
    const { tests = [], host = null } = fit.fits([]) ? (value as PacketTests) : {};
    const place = { source: file.source, root: file.root, files, expressions, report };
    reportRepeatedNames(place, tests);
    return tests.flatMap((test, index) => readTest(place, ["tests", index], test, host, known) ?? []);
  });
}

function reportRepeatedNames(place: TestPlace, tests: readonly PacketTestYaml[]): void {
  const names = new Set<string>();
  for (const [index, { name }] of tests.entries()) {
    if (names.has(name)) fault(place, ["tests", index, "name"], "duplicate-test", `Test "${name}" stands in this file twice`);
    names.add(name);
  }
}

function readTest(place: TestPlace, path: YamlPath, test: PacketTestYaml, host: string | null, known: KnownChains): PacketTest | null {
  const hooks = known.hooks(host);
  if (!hooks.includes(test.hook)) {
    const there = hooks.length === 0 ? "it has none" : `it has ${hooks.join(", ")}`;
    const whose = host === null ? "the policy" : `the policy for host "${host}"`;
    fault(place, [...path, "hook"], "unknown-hook", `No chain "${test.hook}" in ${whose}: ${there}`, didYouMean(test.hook, hooks));
    return null;
  }
  const hook = hookOf(test.hook);
  const steps = known.steps(host, test.hook);
  const entries = test.packets.flatMap((entry, index) => readEntry(place, [...path, "packets", index], entry, hook.kind, steps) ?? []);
  const counters = readCounters(place, [...path, "counters"], test, hook.kind, steps);
  return { name: test.name, at: originAt(place.source, placeAt(place.root, [...path, "name"]).start), hook, host, entries, counters };
}

/** "eth0/xdp", which the schema has checked. */
function hookOf(name: string): Hook {
  const slash = name.lastIndexOf("/");
  return { interface: name.slice(0, slash), kind: name.slice(slash + 1) as HookKind };
}

const kinds = ["packet", "hex", "pcap", "wait"] as const;

function readEntry(place: TestPlace, path: YamlPath, entry: PacketEntry, hook: HookKind, steps: readonly string[]): TestEntry | null {
  const given = kinds.filter((kind) => entry[kind] !== undefined);
  if (given.length !== 1) {
    const said = given.length === 0 ? "none" : given.join(" and ");
    fault(place, path, "wrong-packet", `Expected one of ${kinds.join(", ")}, here is ${said}`);
    return null;
  }
  if (entry.wait !== undefined) return readWait(place, path, entry);
  const frames = sentFrames(place, path, entry);
  if (frames === null) return null;
  const verdict = entry.verdict === undefined ? null : verdictOf(place, [...path, "verdict"], entry.verdict, hook);
  if (entry.step !== undefined) checkStep(place, [...path, "step"], entry.step, [...steps, "end"]);
  return {
    kind: "send",
    at: originAt(place.source, placeAt(place.root, [...path, given[0] as string]).start),
    frames,
    times: entry.times ?? 1,
    verdict,
    step: entry.step ?? null,
    output: entry.output === undefined ? null : outputOf(place, [...path, "output"], entry.output),
  };
}

function readWait(place: TestPlace, path: YamlPath, entry: PacketEntry): TestEntry {
  const other = (Object.keys(entry) as (keyof PacketEntry)[]).find((key) => key !== "wait");
  if (other !== undefined) fault(place, [...path, other], "wrong-packet", `A wait sends nothing: "${other}" has no meaning here`);
  const [, number = "", unit] = /^(\d+)(ms|s)$/.exec(entry.wait as string) ?? [];
  return { kind: "wait", milliseconds: Number(number) * (unit === "s" ? 1000 : 1) };
}

function verdictOf(place: TestPlace, path: YamlPath, name: string, hook: HookKind): number | null {
  const number = verdicts(hook)[name];
  if (number !== undefined) return number;
  const names = Object.keys(verdicts(hook));
  fault(place, path, "unknown-verdict", `Unknown verdict "${name}" at ${hook}: expected ${names.join(", ")}`, didYouMean(name, names));
  return null;
}

function checkStep(place: TestPlace, path: YamlPath, step: string, steps: readonly string[]): void {
  if (steps.includes(step)) return;
  fault(place, path, "unknown-step", `The chain has no step "${step}": it has ${steps.join(", ")}`, didYouMean(step, steps));
}

function readCounters(
  place: TestPlace,
  path: YamlPath,
  test: PacketTestYaml,
  hook: HookKind,
  steps: readonly string[],
): readonly ExpectedCount[] {
  return Object.entries(test.counters ?? {}).flatMap(([step, counts]) => {
    const key = entryOf(nodeAt(place.root, path), step)?.key;
    if (key !== undefined && !steps.includes(step)) {
      const message = `The chain has no step "${step}": it has ${steps.join(", ")}`;
      place.report(
        diagnose(place.source, { code: "unknown-step", message, hint: didYouMean(step, steps), start: key.start, end: key.end }),
      );
    }
    return Object.entries(counts ?? {}).flatMap(([name, packets]): readonly ExpectedCount[] => {
      const at = [...path, step, name];
      const verdict = verdictOf(place, at, name, hook);
      if (verdict === null || packets === undefined) return [];
      return [{ step, verdict, ...boundOf(packets), at: originAt(place.source, placeAt(place.root, at).start) }];
    });
  });
}

/** "3" or ">=3", which the schema has checked. */
function boundOf(packets: string | number): Pick<ExpectedCount, "packets" | "bound"> {
  const [, bound = "exactly", number = ""] = /^([<>]=)?(\d+)$/.exec(String(packets)) ?? [];
  return { packets: Number(number), bound: bound as ExpectedCount["bound"] };
}

function fault(place: TestPlace, path: YamlPath, code: string, message: string, hint: string | null = null): void {
  place.report(diagnose(place.source, { code, message, hint, ...placeAt(place.root, path) }));
}
