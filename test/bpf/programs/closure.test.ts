// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { parseCidr } from "../../../bpf/btf/address.ts";
import { printAddress, printCidr } from "../../../bpf/btf/print-address.ts";
import { type Entries, entryAt } from "../../../bpf/kernel/entries.ts";
import { acl } from "../../../bpf/programs/acl/acl.ts";
import type { Lengths } from "../../../bpf/programs/acl/lengths.ts";
import type { MapSettings, ProgramSettings } from "../../../bpf/programs/library-program.ts";

interface RuleOfPrefixes {
  readonly src?: string[];
  readonly dst?: string[];
  readonly action: "drop";
}

/** Prefixes of few different bits, so that many cover each other; of 17 lengths, so that some sets need a trie. */
function prefixes(size: 4 | 16): fc.Arbitrary<string> {
  return fc.tuple(fc.nat(15), fc.integer({ min: 0, max: 16 })).map(([bits, choice]) => {
    const length = choice < 15 ? choice : size * 8 - (16 - choice);
    const address = new Uint8Array(size);
    address[0] = (bits << 4) & (length >= 4 ? 0xf0 : 0xff00 >> length) & 0xff;
    if (length === size * 8) address[size - 1] = bits & 1;
    return `${printAddress(address)}/${length}`;
  });
}

const rules = fc.array(
  fc.record(
    {
      src: fc.array(fc.oneof(prefixes(4), prefixes(16)), { minLength: 1, maxLength: 6 }),
      dst: fc.array(fc.oneof(prefixes(4), prefixes(16)), { minLength: 1, maxLength: 6 }),
      action: fc.constant("drop" as const),
    },
    { requiredKeys: ["action"] },
  ),
  { maxLength: 64 },
);

test("acl's sets give every address the rules that a search through all prefixes gives", (t) => {
  fc.assert(
    fc.property(rules, fc.array(fc.oneof(prefixes(4), prefixes(16)), { minLength: 1, maxLength: 10 }), (some, probes) => {
      const lowered = lower(some);
      for (const probe of probes) {
        const address = parseCidr(probe)?.address as Uint8Array;
        t.deepEqual(lookUp(lowered, address), search(some, address), probe);
      }
    }),
    { numRuns: 300 },
  );
});

test("acl's sets are sorted by key bytes and hold no key twice", (t) => {
  fc.assert(
    fc.property(rules, (some) => {
      for (const { entries } of Object.values(lower(some).maps)) {
        const keys = keysOf(entries);
        t.deepEqual(keys, [...new Set(keys)].sort());
      }
    }),
    { numRuns: 100 },
  );
});

test("acl's sets do not depend on the order in a list", (t) => {
  fc.assert(
    fc.property(fc.shuffledSubarray(["10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", "::/0", "2001:db8::1"], { minLength: 5 }), (src) => {
      const sorted = lower([{ src: [...src].sort(), action: "drop" }]);
      t.deepEqual(lower([{ src, action: "drop" }]).maps, sorted.maps);
    }),
  );
});

function lower(some: readonly RuleOfPrefixes[]): ProgramSettings {
  const lowered = acl.lower({ rules: some }, { hook: "xdp", list: () => null });
  if (lowered.kind === "problems") throw new Error(lowered.problems[0]?.message);
  return lowered;
}

function lookUp({ globals, maps }: ProgramSettings, address: Uint8Array): readonly [bigint, bigint] {
  const family = address.length === 4 ? "4" : "6";
  const words = (["src", "dst"] as const).map((side, word) => {
    const { length, trie } = globals[`${side}${family}`] as Lengths;
    const probed = length.map((bits) => find(entriesOf(maps, `prefixes${family}`), bits, address));
    const walked = trie === 0 ? [] : everyLength(address).map((bits) => find(entriesOf(maps, `trie${family}`), bits, address));
    return [...probed, ...walked].find((found) => found !== null)?.[word] ?? 0n;
  });
  return words as [bigint, bigint];
}

function everyLength(address: Uint8Array): readonly number[] {
  return Array.from({ length: address.length * 8 + 1 }, (_, index) => address.length * 8 - index);
}

function entriesOf(maps: ProgramSettings["maps"], name: string): Entries {
  return (maps[name] as MapSettings).entries;
}

function find(entries: Entries, length: number, address: Uint8Array): readonly [bigint, bigint] | null {
  for (let index = 0; index < entries.count; index += 1) {
    const [key, value] = entryAt(entries, index);
    const view = new DataView(value.buffer, value.byteOffset);
    if (key[0] === length && covers(printCidr(key), address)) return [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  }
  return null;
}

function search(some: readonly RuleOfPrefixes[], address: Uint8Array): readonly [bigint, bigint] {
  const word = (side: "src" | "dst"): bigint =>
    some.reduce((bits, rule, index) => (rule[side]?.some((prefix) => covers(prefix, address)) ? bits | (1n << BigInt(index)) : bits), 0n);
  return [word("src"), word("dst")];
}

function covers(prefix: string, address: Uint8Array): boolean {
  const cidr = parseCidr(prefix);
  if (cidr === null || cidr.address.length !== address.length) return false;
  return bits(cidr.address).startsWith(bits(address).slice(0, cidr.prefix));
}

function bits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

function keysOf(entries: Entries): readonly string[] {
  return Array.from({ length: entries.count }, (_, index) => Buffer.from(entryAt(entries, index)[0]).toString("hex"));
}
