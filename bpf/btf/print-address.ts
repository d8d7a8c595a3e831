// SPDX-License-Identifier: Apache-2.0

/** "192.0.2.1" for 4 bytes, RFC 5952 for 16, "02:00:5e:10:00:01" for 6; "hex:…" for any other length. */
export function printAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  if (address.length === 16) return printIpv6(address);
  return address.length === 6 ? printMac(address) : printHex(address);
}

/** The key of a longest-prefix trie, a little-endian u32 prefix length and 4 or 16 address bytes, as "10.0.0.0/8"; "hex:…" for others. */
export function printCidr(key: Uint8Array): string {
  if (key.length !== 8 && key.length !== 20) return printHex(key);
  const prefix = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const address = key.subarray(4);
  return prefix <= address.length * 8 ? `${printAddress(address)}/${prefix}` : printHex(key);
}

/** "02:00:5e:10:00:01". */
function printMac(address: Uint8Array): string {
  return Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** "hex:0a0b": the form in which a policy can write any bytes. */
export function printHex(bytes: Uint8Array): string {
  return `hex:${Buffer.from(bytes).toString("hex")}`;
}

function printIpv6(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((address[index * 2] as number) << 8) | (address[index * 2 + 1] as number));
  if (isMapped(groups)) return `::ffff:${address.subarray(12).join(".")}`;
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

/** The first of the longest runs of zero groups (RFC 5952 4.2.3). */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}
