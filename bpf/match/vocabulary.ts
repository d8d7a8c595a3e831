// SPDX-License-Identifier: Apache-2.0

/** Every word that means something in an expression by itself (pcap-filter(7)); any other is a name that somebody has to look up. */
export const keywords: ReadonlySet<string> = new Set(
  `
  dst src host net mask port portrange less greater proto byte broadcast multicast and or not len length vlan mpls
  link ether ppp slip fddi tr wlan arp rarp ip ip6 sctp tcp udp icmp icmp6 igmp igrp pim vrrp carp radio ah esp gre
  atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is clnp stp ipx netbeui l1 l2 iih lsp snp csnp psnp
  type subtype direction dir address1 address2 address3 address4 addr1 addr2 addr3 addr4 ra ta
  inbound outbound ifindex on ifname rnr rulenum srnr subrulenum rset ruleset reason action
  pppoed pppoes geneve vxlan lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect
  fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls
  icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect icmp-echo icmp-routeradvert icmp-routersolicit
  icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply icmp-ireq icmp-ireqreply icmp-maskreq icmp-maskreply
  icmp6type icmp6code icmp6-echo icmp6-echoreply icmp6-multicastlistenerquery icmp6-multicastlistenerreportv1
  icmp6-multicastlistenerdone icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit icmp6-neighboradvert icmp6-redirect
  icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse icmp6-ineighbordiscoverysolicit
  icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2 icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply
  icmp6-mobileprefixsolicit icmp6-mobileprefixadvert icmp6-certpathsolicit icmp6-certpathadvert icmp6-multicastrouteradvert
  icmp6-multicastroutersolicit icmp6-multicastroutertermination icmp6-destinationunreach icmp6-destinationrunreach
  icmp6-packettoobig icmp6-timeexceeded icmp6-parameterproblem
  tcpflags tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr
`
    .trim()
    .split(/\s+/),
);

/** Names that libpcap knows by itself behind "ether proto", where they are written with a backslash. */
export const etherProtocols: ReadonlySet<string> = new Set(
  "aarp arp atalk decnet ip ip6 ipx iso lat loopback mopdl moprc netbeui rarp sca stp".split(" "),
);

/** Numbers of services that people write as names. */
export const wellKnownPorts: Readonly<Record<string, number>> = {
  bgp: 179,
  bootpc: 68,
  bootps: 67,
  chargen: 19,
  dns: 53,
  domain: 53,
  ftp: 21,
  "ftp-data": 20,
  http: 80,
  https: 443,
  imap: 143,
  imaps: 993,
  kerberos: 88,
  ldap: 389,
  ldaps: 636,
  "microsoft-ds": 445,
  mysql: 3306,
  "netbios-ns": 137,
  ntp: 123,
  pop3: 110,
  pop3s: 995,
  postgresql: 5432,
  quic: 443,
  radius: 1812,
  sip: 5060,
  smtp: 25,
  snmp: 161,
  ssh: 22,
  submission: 587,
  sunrpc: 111,
  syslog: 514,
  telnet: 23,
  tftp: 69,
};

/** Numbers of protocols above IP that people write as names. */
export const wellKnownProtocols: Readonly<Record<string, number>> = {
  ah: 51,
  egp: 8,
  esp: 50,
  gre: 47,
  icmp: 1,
  icmp6: 58,
  igmp: 2,
  ipip: 4,
  ipv6: 41,
  ospf: 89,
  pim: 103,
  sctp: 132,
  tcp: 6,
  udp: 17,
  vrrp: 112,
};
