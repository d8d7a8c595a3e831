// SPDX-License-Identifier: Apache-2.0

/** The names that policies may use for IP protocols; the schemas list the same ones. */
export const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  ospf: 89,
  sctp: 132,
  udplite: 136,
};

/** Protocols whose header starts with a source and a destination port. */
export const portProtocols: readonly number[] = [6, 17, 33, 132, 136];

/** A name or number, or a list of these. */
export type ProtocolsParameter = ProtocolParameter | readonly ProtocolParameter[];
type ProtocolParameter = string | number | bigint;

/** Protocol numbers in ascending order, none twice. The value has passed the schema. */
export function readProtocols(value: ProtocolsParameter): readonly number[] {
  const items = Array.isArray(value) ? (value as readonly ProtocolParameter[]) : [value as ProtocolParameter];
  const numbers = items.map((item) => protocolNumbers[String(item)] ?? Number(item));
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** One bit per protocol number, in four words. */
export function protocolWords(numbers: readonly number[]): readonly bigint[] {
  const words = [0n, 0n, 0n, 0n];
  for (const number of numbers) words[number >> 6] = (words[number >> 6] as bigint) | (1n << BigInt(number & 63));
  return words;
}

/** "tcp" for 6; the number itself where it has no name. */
export function protocolName(number: number): string {
  return Object.keys(protocolNumbers).find((name) => protocolNumbers[name] === number) ?? String(number);
}
