// SPDX-License-Identifier: Apache-2.0
import { ethernet, icmp, ipv4, ipv6, raw, tcp, udp, vlan } from "../../lab/packet.ts";

/** Frames of every kind that programs tell apart, and some that no sender would send: the same ones for the same seed. */
export function somePackets(seed: number, count: number): readonly Uint8Array[] {
  const random = sequence(seed);
  return Array.from({ length: count }, (_, index) => packet(index % 8, random));
}

/** Numbers from 0 to below `limit`. */
export function sequence(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

function packet(kind: number, random: (limit: number) => number): Uint8Array {
  const payload = randomBytes(random(200), random);
  const src = `10.0.${random(3)}.${random(5)}`;
  const fields = { src: `02:00:00:00:00:0${random(8)}`, dst: `02:00:00:0${random(4)}:0${random(8)}:0${random(8)}` };
  switch (kind) {
    case 0:
      return ethernet(fields, ipv4({ src }, udp({ to: random(100), payload })));
    case 1:
      return ethernet(fields, ipv4({ src, options: new Uint8Array(4 * random(3)) }, tcp({ to: 80 + random(3), payload })));
    case 2:
      return ethernet(fields, ipv6({ src: `2001:db8::${random(9)}` }, udp({ to: 53, payload })));
    case 3:
      return ethernet(fields, vlan({ id: random(4000) }, ipv4({ src }, icmp({ payload }))));
    case 4:
      return randomBytes(14 + random(20), random);
    case 5:
      return ethernet({ ...fields, dst: "ff:ff:ff:ff:ff:ff" }, raw(0x0806, randomBytes(28, random)));
    case 6:
      return ethernet(fields, ipv4({ src }, udp({ payload: randomBytes(1200 + random(200), random) })));
    default:
      return randomBytes(14 + random(600), random);
  }
}

function randomBytes(length: number, random: (limit: number) => number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}
