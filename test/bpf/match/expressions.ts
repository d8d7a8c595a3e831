// SPDX-License-Identifier: Apache-2.0
import { type Random, seededRandom } from "../../corpus/random.ts";

/** At least one expression for each primitive and operator of pcap-filter(7) that Ethernet frames and no names have to do with. */
export const primitives: readonly string[] = `
ip
ip6
arp
rarp
tcp
udp
icmp
icmp6
igmp
sctp
pim
vrrp
carp
ah
esp
igrp
atalk
aarp
decnet
lat
moprc
mopdl
iso
stp
ipx
netbeui
sca
clnp
esis
isis
es-is
is-is
l1
l2
iih
lsp
snp
csnp
psnp
host 10.1.2.3
src host 10.1.2.3
dst host 10.1.2.3
src or dst host 192.0.2.1
src and dst host 192.0.2.1
ip host 192.0.2.77
arp host 10.1.2.3
rarp host 10.1.2.3
src 10.1.2.3
dst 203.0.113.9
host 2001:db8::1
src host 2001:db8::2
ip6 host fe80::1
dst 2001:db8::1
net 10
net 10.200
src net 10.200.0
dst net 192.0.2.0/24
net 192.0.2.64/26
net 10.0.0.0 mask 255.0.0.0
net 2001:db8::/32
src net fe80::/10
dst net 2001:db8::/127
ip net 10.0.0.0/8
arp net 10.0.0.0/8
port 80
src port 53
dst port 443
src or dst port 22
src and dst port 53
tcp port 80
udp port 53
tcp src port 443
udp dst port 40000
sctp port 80
portrange 20-100
src portrange 50-60
dst portrange 400-500
tcp portrange 79-81
udp src portrange 0-1023
ip proto 17
ip proto 6
ip6 proto 6
ip6 proto 17
ip6 proto 58
ip6 proto 44
proto 1
proto 132
ether proto 0x0800
ether proto 0x86dd
ether proto 0x8100
ether proto \\arp
ether proto \\ip
ether proto \\ip6
ether proto \\stp
ether proto 0x88a8
ether proto 1500
ether proto 300
ether host 02:00:00:00:00:01
ether src 02:00:00:01:02:03
ether dst 02:00:00:00:00:02
ether src host 02-00-00-00-00-01
ether host 0200.0000.0001
ether broadcast
ether multicast
broadcast
multicast
ip multicast
ip6 multicast
less 60
greater 100
len = 60
len > 64 and len < 200
len >= 1000
length != 60
len & 1 = 1
len - 14 = ip[2:2]
vlan
vlan 7
vlan 300
vlan and ip
vlan and tcp port 80
vlan and vlan
vlan 7 and vlan 300
vlan and vlan and udp
not vlan and ip
vlan or ip
mpls
mpls 1024
mpls and ip
mpls and mpls
mpls 100 and mpls 200 and host 10.1.2.3
pppoed
pppoes
pppoes 0x27
pppoes and ip
pppoes and tcp port 80
llc
llc i
llc s
llc u
llc rr
llc ui
llc sabme
geneve
geneve 0xb
geneve and ip
ether[0] & 1 = 0 and ip[16] >= 224
ether[12:2] = 0x0800
ether[6:4] = 0x02000000
ether[0:1] = 2
ether[len - 1] = 0
ether[len - 4:4] != 0
ip[0] & 0xf != 5
ip[0] = 0x45
ip[8] < 64
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x2000 != 0
ip[2:2] > 576
ip[9] = 6 or ip[9] = 17
ip6[6] = 6
ip6[4:2] >= 20
ip6[40] = 0
arp[6:2] = 1
arp[7] = 2
tcp[13] = 2
tcp[13] & 2 != 0
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] & tcp-rst = 0
tcp[tcpflags] == tcp-syn|tcp-ack
tcp[tcpflags] & (tcp-push|tcp-urg|tcp-ece|tcp-cwr) != 0
tcp[0:2] < 1024
tcp[2:2] > 443
tcp[12] >> 4 = 5
tcp[12] & 0xf0 >> 2 != 20
tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420
udp[4:2] > 20
udp[8:4] = 0
udp[0:2] + udp[2:2] > 1000
icmp[0] = 8
icmp[icmptype] = icmp-echo
icmp[icmptype] = icmp-echoreply
icmp[icmpcode] = 0
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp[icmptype] == icmp-unreach or icmp[icmptype] == icmp-timxceed
icmp6[icmp6type] = icmp6-echo
icmp6[icmp6type] = icmp6-neighborsolicit
icmp6[icmp6code] = 0
ip[1] + 1 = 1
ip[1] - 1 < 0xff
ip[3] * 2 > 200
ip[3] / 3 = 13
ip[3] / ip[1] = 1
ip[3] % 7 = 3
ip[3] % ip[8] = 5
ip[2:2] & ip[4:2] = 0
ip[2:2] | ip[4:2] = 0xffff
ip[2:2] ^ ip[4:2] > 1000
ip[3] << 2 > 300
ip[3] >> 2 = 15
ip[3] << ip[8] = 0
ip[2:2] >> ip[8] = 0
1 << ip[0] != 0
-ip[1] = 0
-ip[3] > 0xffffff00
ip[12:4] = 0x0a010203
ip[12:4] & 0xff000000 = 0x0a000000
ip[12:4] > ip[16:4]
ip[12:4] >= ip[16:4]
ip[12:4] <= ip[16:4]
ip[12:4] < 0xc0000000
ip[12:4] == ip[16:4]
ip[12:4] != ip[16:4]
ip[10:2] >= 0x8000
ether[14:4] > 0x80000000
ip[ip[9]] = 0
ether[ip[3]] = 0
ether[ip[2:2] + 13] != 0
ip[100] = 0
ip[1400] != 300
ether[1000:4] != 1
ether[60000] = 0 or ip
ether[32767] = 0 or udp
ether[32768:2] = 0 or tcp
ether[65534] = 0 or tcp
ether[70000] = 0 or ip6
not ip
not tcp port 80
! arp
not (tcp or udp)
tcp && port 80
udp || icmp
not host 10.1.2.3 and not host 192.0.2.1
tcp or udp and port 53
(tcp or udp) and port 53
tcp and (port 80 or port 443) and not src net 10.0.0.0/8
udp and src port (19 or 53 or 111 or 123 or 137 or 161 or 389 or 1900 or 11211)
host 10.1.2.3 or 192.0.2.1 or 203.0.113.9
tcp[13] = 2 and tcp[14:2] = 1024 and tcp[12] >> 4 = 5
ip and not tcp and not udp
ip6 and tcp dst port 443
ip proto 6 and ip[6:2] & 0x3fff != 0
not ip6 multicast
link proto 0x806
ether proto 0x806 and arp[6:2] = 2
ip src 10.1.2.3 and ip dst 192.0.2.1
`
  .trim()
  .split("\n");

/** Long lists, which are searched and not gone through. */
const lists = [
  `udp and src port (${Array.from({ length: 40 }, (_, port) => port * 2 + 1).join(" or ")} or 53)`,
  Array.from({ length: 60 }, (_, index) => `(src host 10.1.2.${index} and tcp dst port ${index + 40})`).join(" or "),
  `src host (${Array.from({ length: 30 }, (_, index) => `192.0.${index}.1`).join(" or ")})`,
  Array.from({ length: 20 }, (_, index) => `ip[8] = ${(index * 77) % 256}`).join(" or "),
  Array.from(
    { length: 12 },
    (_, index) => `(ip[12:4] = ${0x0a010200 + index} and ip[9] = ${index}) or ip[16:4] = ${0xc0000200 + index}`,
  ).join(" or "),
  `not (${Array.from({ length: 25 }, (_, index) => `ether proto ${0x0800 + index}`).join(" or ")})`,
];

/** All primitives, and as many of them joined by chance. The same seed gives the same. */
export function manyExpressions(seed: number, count: number): readonly string[] {
  const random = seededRandom(seed);
  // What follows "vlan", "mpls", "pppoes" and "geneve" is read at another place: joining them by chance mostly rejects everything.
  const plain = primitives.filter((text) => !/vlan|mpls|pppoe|geneve/.test(text));
  const joined = Array.from({ length: count }, () => join(random, plain, 2 + random.below(3)));
  return [...primitives, ...lists, ...joined];
}

function join(random: Random, plain: readonly string[], parts: number): string {
  const one = (): string => `${random.chance(0.25) ? "not " : ""}(${random.pick(plain)})`;
  return Array.from({ length: parts }, one).reduce((left, right) => `${left} ${random.pick(["and", "or", "or", "&&", "||"])} ${right}`);
}
