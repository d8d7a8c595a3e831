// SPDX-License-Identifier: Apache-2.0

/** How many bits of a source make one source, as the schemas allow it. */
export interface SourcePrefixes {
  readonly src_prefix4?: number | bigint;
  readonly src_prefix6?: number | bigint;
}

/** The globals of shared/source.h: whole IPv4 addresses and IPv6 /64s where nothing is said. */
export function sourceMasks({ src_prefix4, src_prefix6 }: SourcePrefixes): {
  readonly src_mask4: number;
  readonly src_mask6: readonly number[];
} {
  return { src_mask4: maskWords(Number(src_prefix4 ?? 32), 1)[0] as number, src_mask6: maskWords(Number(src_prefix6 ?? 64), 4) };
}

/** The mask's bytes in network order, as the little-endian words that the programs and with. */
function maskWords(prefix: number, count: number): readonly number[] {
  const bytes = Uint8Array.from({ length: count * 4 }, (_, index) => 0xff00 >> Math.min(8, Math.max(0, prefix - index * 8)));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true));
}
