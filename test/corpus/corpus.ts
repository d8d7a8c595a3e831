// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { library, libraryObject } from "../../bpf/programs/library.ts";
import { compile } from "../lab/compile.ts";

/** A program that chains of the tests are made of. */
export interface CorpusProgram {
  readonly hook: HookKind;
  readonly function: string;
  /** The ELF file. */
  readonly object: Uint8Array;
  /** First contents of its maps, in hex; for per-CPU maps the value of every CPU. */
  readonly entries: Readonly<Record<string, readonly (readonly [key: string, value: string])[]>>;
  /** Functions of the object that its program array leads to, by slot. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Arrays of maps whose slot 0 gets a map. */
  readonly filled: readonly string[];
  /** Maps that hold times, which two runs never have in common: their contents say nothing. */
  readonly timed: readonly string[];
}

type Settings = Partial<Pick<CorpusProgram, "entries" | "targets" | "filled" | "timed">>;

const xdpTargets = { targets: ["tail_second", "tail_first"] };
const prefixes = {
  prefixes: [
    ["18000000c0000200", "01000000"],
    ["080000000a000000", "02000000"],
    ["100000000ac80000", "03000000"],
  ],
} as const;

/** File, hook, function: what is special about them. */
const table: readonly (readonly [string, HookKind, Readonly<Record<string, Settings>>])[] = [
  ["exits", "xdp", { exits: {}, wide_verdict: {} }],
  ["stack", "xdp", { deep_stack: {}, signed_index: {}, stack_of_callees: {} }],
  ["functions", "xdp", { subprograms: {}, global_function: {}, loops: {} }],
  ["packet", "xdp", { grow_head: {}, shrink_head: {}, cut_tail: {}, grow_tail: {}, use_meta: {}, reflect: {} }],
  ["tail-calls", "xdp", { tail_calls: { targets: xdpTargets }, tail_calls_below: { targets: xdpTargets } }],
  [
    "maps",
    "xdp",
    { in_hash: {}, in_lru: {}, in_array: {}, per_cpu: {}, in_prefixes: { entries: prefixes }, map_in_map: { filled: ["outer"] } },
  ],
  ["variables", "xdp", { constants: {}, globals: {} }],
  ["large", "xdp", { large: {}, far_exit: {} }],
  [
    "tc",
    "tc-ingress",
    {
      tc_verdicts: {},
      tc_packet_loads: {},
      tc_packet_loads_below: {},
      tc_tail_calls: { targets: { tc_targets: ["tc_target"] } },
      tc_store: {},
      tc_write: {},
      tc_cut_tail: {},
      tc_count: {},
    },
  ],
];

/** The programs of the table, compiled: those that both kernels run. */
export function ownCorpus(): readonly CorpusProgram[] {
  return table.flatMap(([file, hook, functions]) => {
    const object = compileCorpus(file);
    return Object.entries(functions).map(([name, settings]) => corpusProgram(hook, name, object, settings));
  });
}

/** Programs that find their maps filled, beside those of the table. */
const furtherSettings: Readonly<Record<string, Settings>> = { hash_of_maps: { filled: ["by_kind"] } };

/** Files and functions that chains of the differential test are not made of, and why. */
const exceptions: ReadonlyMap<string, string> = new Map([
  ["refused", "the verifier refuses every program of it"],
  ["trace", "writes down what its own test reads, in a map too large to make by the hundred"],
  ["tail_first", "a target of tail calls, not a step"],
  ["tail_second", "a target of tail calls, not a step"],
  ["tc_target", "a target of tail calls, not a step"],
  ["tc_vlan", "leaves a tag beside the packet, which one run of BPF_PROG_TEST_RUN does not hand to the next"],
]);

/** Every program of every C file of this folder, also those that the kernel in memory has no helpers for; exceptions have their reasons. */
export function wholeCorpus(): readonly CorpusProgram[] {
  const known = new Map(table.flatMap(([, , functions]) => Object.entries(functions)));
  const files = readdirSync(join(packageRoot(), "test/corpus")).filter((name) => name.endsWith(".bpf.c"));
  return files
    .map((file) => file.slice(0, -".bpf.c".length))
    .filter((file) => !exceptions.has(file))
    .flatMap((file) => {
      const object = compileCorpus(file);
      return openObject(object)
        .programs.filter(({ name, type }) => (type === "xdp" || type === "tc") && !exceptions.has(name))
        .map(({ name, type }) =>
          corpusProgram(type === "xdp" ? "xdp" : "tc-ingress", name, object, known.get(name) ?? furtherSettings[name] ?? {}),
        );
    });
}

/** The filters of the library as their objects are, nothing set; taps listened to, those that see packets leave the chain as well. */
export function libraryCorpus(): readonly CorpusProgram[] {
  const hooks = ["xdp", "tc-ingress"] as const;
  const filters = library.flatMap(({ object, functions }) =>
    hooks.flatMap((hook) => {
      const name = functions[hook];
      return name === undefined ? [] : [corpusProgram(hook, name, libraryObject(object), librarySettings)];
    }),
  );
  const leaving = hooks.map((hook) => {
    const name = hook === "xdp" ? "tap_leaving_xdp" : "tap_leaving_tc";
    return corpusProgram(hook, name, libraryObject("tap.bpf.o"), { ...librarySettings, timed: ["windows", "counters"] });
  });
  return [...filters, ...leaving];
}

/** What holds times: the buckets of limits, the second of a tap. Until long after the test somebody listens to taps. */
const librarySettings: Settings = { timed: ["buckets", "windows"], entries: { listening: [["00000000", "ffffffffffffff7f"]] } };

/** One file of this folder. */
export function corpusObject(file: string): Uint8Array {
  return compileCorpus(file);
}

const xdpToolsFolders = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((name) => `/usr/lib/${name}/bpf`);
/** allow and deny: addresses and ports of the test packets, with the flags of xdp-filter for source and destination. */
const filterEntries = {
  filter_ipv4: [["c0000201", "0300000000000000"]],
  filter_ipv6: [["20010db8000000000000000000000001", "0300000000000000"]],
  filter_ethernet: [["020000010203", "0300000000000000"]],
  filter_ports: [["00350000", "0f00000000000000"]],
} as const;

/** Where Debian keeps the objects of xdp-tools and libxdp; undefined where the packages are not installed. */
export function xdpToolsFolder(): string | undefined {
  return xdpToolsFolders.find(existsSync);
}

/** The programs of Debian's xdp-tools and libxdp that attach to a device; none where the packages are not installed. */
export function xdpToolsCorpus(): readonly CorpusProgram[] {
  const folder = xdpToolsFolder();
  if (folder === undefined) return [];
  return readdirSync(folder)
    .filter((file) => /^(xdpfilt_.*|xsk_def_xdp_prog)\.o$/.test(file))
    .map((file) => {
      const name = file.startsWith("xsk") ? "xsk_def_prog" : file.slice(0, -2);
      return corpusProgram("xdp", name, new Uint8Array(readFileSync(join(folder, file))), { entries: filterEntries });
    });
}

function compileCorpus(file: string): Uint8Array {
  const folder = join(packageRoot(), "test/corpus");
  const header = readFileSync(join(folder, "corpus.h"), "utf8").replace("#pragma once", "");
  return compile(readFileSync(join(folder, `${file}.bpf.c`), "utf8").replace('#include "corpus.h"', header), file);
}

/** A program whose maps are empty, but for what `settings` say. */
export function corpusProgram(hook: HookKind, name: string, object: Uint8Array, settings: Settings = {}): CorpusProgram {
  return { hook, function: name, object, entries: {}, targets: {}, filled: [], timed: [], ...settings };
}
