// SPDX-License-Identifier: Apache-2.0
import { ethernet, icmp, icmpv6, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, raw, tcp, udp, vlan } from "../lab/packet.ts";
import type { Random } from "./random.ts";

const addresses = ["10.1.2.3", "10.200.0.1", "192.0.2.1", "192.0.2.77", "203.0.113.9"];
const addresses6 = ["2001:db8::1", "2001:db8::2", "fe80::1"];
const ports = [22, 53, 80, 443, 40_000];

/** A frame of one of the kinds that filters meet: valid, VLAN-tagged, IPv6, tiny, large, cut off, damaged, noise. */
export function randomPacket(random: Random): Uint8Array {
  const frame = ethernet({ src: randomMac(random), dst: randomMac(random) }, network(random));
  const kind = random.below(10);
  if (kind === 0) return noise(random, 14 + random.below(20));
  if (kind === 1) return noise(random, 14 + random.below(1500));
  if (kind === 2) return frame.slice(0, Math.max(14, random.below(frame.length)));
  if (kind <= 4) return damaged(random, frame);
  return frame;
}

/** A frame that does not fit one page: BPF_PROG_TEST_RUN hands it over in fragments. */
export function jumboPacket(random: Random): Uint8Array {
  return packetOf(random, 4000 + random.below(5000));
}

/** Larger than an MTU, and as large as BPF_PROG_TEST_RUN takes for a socket buffer: what is left of a page. */
export function pagePacket(random: Random): Uint8Array {
  return packetOf(random, 1500 + random.below(2000));
}

function packetOf(random: Random, length: number): Uint8Array {
  const payload = noise(random, length);
  return ethernet({ src: randomMac(random), dst: randomMac(random) }, network(random, payload));
}

function network(random: Random, payload = noise(random, random.chance(0.2) ? random.below(1400) : random.below(60))): Layer {
  const inner = random.chance(0.3) ? network6(random, payload) : network4(random, payload);
  if (!random.chance(0.2)) return inner;
  const tagged = vlan({ id: random.below(4095) }, inner);
  return random.chance(0.4) ? vlan({ id: random.below(4095), outer: true }, tagged) : tagged;
}

function network4(random: Random, payload: Uint8Array): Layer {
  const options = random.chance(0.1) ? { options: noise(random, 8) } : {};
  const fragment = random.chance(0.1) ? { fragmentOffset: random.below(100), moreFragments: random.chance(0.5) } : {};
  const fields = { src: random.pick(addresses), dst: random.pick(addresses), ttl: random.below(255), ...options, ...fragment };
  return ipv4(fields, random.chance(0.15) ? icmp({ payload }) : transport(random, payload));
}

function network6(random: Random, payload: Uint8Array): Layer {
  const fields = { src: random.pick(addresses6), dst: random.pick(addresses6) };
  return ipv6(fields, extended(random, random.chance(0.15) ? icmpv6({ payload }) : transport(random, payload)));
}

/** Up to three extension headers or a fragment header in front of a payload. */
function extended(random: Random, payload: Layer): Layer {
  if (random.chance(0.6)) return payload;
  const inner = random.chance(0.3) ? ipv6Fragment({ offset: random.below(50), more: random.chance(0.5) }, payload) : payload;
  const types = Array.from({ length: random.below(3) }, () => random.pick([0, 43, 60]));
  return types.reduce((carried, type) => ipv6Extension({ type, size: 8 * (1 + random.below(3)) }, carried), inner);
}

function transport(random: Random, payload: Uint8Array): Layer {
  const [from, to] = [random.pick(ports), random.pick(ports)];
  if (random.chance(0.1)) return raw(random.below(256), payload);
  return random.chance(0.5) ? udp({ from, to, payload }) : tcp({ from, to, flags: random.below(64), payload });
}

function randomMac(random: Random): string {
  return `02:00:00:${[0, 1, 2].map(() => random.below(8).toString(16).padStart(2, "0")).join(":")}`;
}

function damaged(random: Random, frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  for (let times = 0; times < 3; times++) copy[random.below(Math.min(copy.length, 60))] = random.below(256);
  return copy;
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}
