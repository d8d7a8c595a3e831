// SPDX-License-Identifier: Apache-2.0

/**
 * `count` IPv4 prefixes that do not overlap, the same each time: each in a /24 of its own, two in five the whole of it, two in five a
 * single address, the rest in between. Sets that merge or refuse what overlaps have nothing to do.
 */
export function disjointPrefixes(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => prefixIn(block(index), mix(index)));
}

/** A prefix that none of `count` others overlaps. */
export function anotherPrefix(count: number): string {
  return `${octets(block(count), 77)}/32`;
}

/** Blocks from 1.0.0.0 on, at distances that leave gaps; the factor has no divisor in common with their number. */
function block(index: number): number {
  return 0x010000 + ((index * 7919) % 0xd00000);
}

function prefixIn(network: number, random: number): string {
  const length = [24, 24, 32, 32, 25 + (random % 7)][(random >>> 8) % 5] as number;
  const host = random >>> 24;
  return `${octets(network, host & (0xff << (32 - length)))}/${length}`;
}

function octets(network: number, last: number): string {
  return `${network >>> 16}.${(network >>> 8) & 255}.${network & 255}.${last & 255}`;
}

/** A number that looks random (the finaliser of murmur3). */
function mix(index: number): number {
  let hash = index + 0x9e3779b9;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
