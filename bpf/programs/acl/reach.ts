// SPDX-License-Identifier: Apache-2.0
import { parseCidr } from "../../btf/address.ts";
import type { LowerProblem } from "../library-program.ts";
import type { Range } from "../shared/numbers.ts";
import { errorAt, quote } from "../shared/problem.ts";
import type { AddressesItem, AddressesParameter, RuleParameters } from "./parameters.ts";
import type { Rule } from "./rule.ts";

/** A warning for each rule that an earlier one covers, so that it never decides. What list files hold is not looked at. */
export function unreachableRules(parameters: readonly RuleParameters[], rules: readonly Rule[]): readonly LowerProblem[] {
  return rules.flatMap((rule, index) => {
    const earlier = rules.findIndex((other, at) => at < index && covers(other, rule, parameters[at], parameters[index]));
    if (earlier < 0) return [];
    const name = parameters[earlier]?.name;
    const which = name === undefined ? `rule ${earlier + 1}` : `rule ${quote(name)}`;
    const message = `Rule ${index + 1} never decides: ${which} before it matches everything that it matches`;
    return [{ ...errorAt(["rules", index], "never-reached", message), severity: "warning" as const, other: ["rules", earlier] }];
  });
}

function covers(wide: Rule, narrow: Rule, wideText: RuleParameters | undefined, narrowText: RuleParameters | undefined): boolean {
  return (
    (wide.protocols === null || (narrow.protocols?.every((protocol) => wide.protocols?.includes(protocol)) ?? false)) &&
    coversRanges(wide.sport, narrow.sport) &&
    coversRanges(wide.dport, narrow.dport) &&
    coversRanges(wide.vlan, narrow.vlan) &&
    (wide.flags?.every((allowed, flags) => allowed || narrow.flags?.[flags] === false) ?? true) &&
    coversAddresses(wideText?.src, narrowText?.src) &&
    coversAddresses(wideText?.dst, narrowText?.dst)
  );
}

/** Ranges that only together cover one are not noticed: a warning may be missing, never wrong. */
function coversRanges(wide: readonly Range[] | null, narrow: readonly Range[] | null): boolean {
  if (wide === null) return true;
  return narrow?.every(({ first, last }) => wide.some((range) => range.first <= first && last <= range.last)) ?? false;
}

/** Beyond this the comparison, each with each, is not worth its time. */
const mostAddresses = 256;

function coversAddresses(wide: AddressesParameter | undefined, narrow: AddressesParameter | undefined): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined) return false;
  const [all, some] = [itemsOf(wide), itemsOf(narrow)];
  return all.length <= mostAddresses && some.every((item) => all.some((other) => coversItem(other, item)));
}

function itemsOf(addresses: AddressesParameter): readonly AddressesItem[] {
  return Array.isArray(addresses) ? (addresses as readonly AddressesItem[]) : [addresses as AddressesItem];
}

function coversItem(wide: AddressesItem, narrow: AddressesItem): boolean {
  if (typeof wide !== "string" || typeof narrow !== "string") return JSON.stringify(wide) === JSON.stringify(narrow);
  const [outer, inner] = [parseCidr(wide), parseCidr(narrow)];
  if (outer === null || inner === null) return wide === narrow;
  if (outer.address.length !== inner.address.length || outer.prefix > inner.prefix) return false;
  return Array.from({ length: outer.prefix }, (_, bit) => bit).every((bit) => bitAt(outer.address, bit) === bitAt(inner.address, bit));
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}
