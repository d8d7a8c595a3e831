// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import test from "ava";
import { compileMatch } from "../../../bpf/match/compile-match.ts";

const fault = test.macro<[expression: string, message: string, marked: string, hint?: string]>({
  title: (_, expression) => `compileMatch() refuses: ${expression}`,
  exec(t, expression, message, marked, hint) {
    const found = compileMatch(expression);

    if (found.kind !== "fault") return t.fail("It compiles");
    t.deepEqual(
      { message: found.message, marked: expression.slice(found.start, found.end), hint: found.hint },
      { message, marked, hint: hint ?? null },
    );
  },
});

const looked = "would be looked up on each host, and may not mean the same everywhere";
const syntax = "libpcap refuses the expression: can't parse filter expression: syntax error";

test(fault, "tcp port http", `The port name "http" ${looked}`, "http", "write its number: 80");
test(fault, "udp and port (53 or gopher)", `The port name "gopher" ${looked}`, "gopher", "write its number");
test(fault, "portrange ftp-data", `The port name "ftp-data" ${looked}`, "ftp-data", "write its number: 20");
test(fault, "host localhost", `The host name "localhost" ${looked}`, "localhost", "write the address");
test(fault, "src www.example.net and tcp", `The host name "www.example.net" ${looked}`, "www.example.net", "write the address");
test(fault, "not net home", `The network name "home" ${looked}`, "home", 'write the network, such as "net 192.0.2.0/24"');
test(fault, "ip proto \\tcp", `The protocol name "tcp" ${looked}`, "\\tcp", "write its number: 6");
test(fault, "ip proto ospf", `The protocol name "ospf" ${looked}`, "ospf", "write its number: 89");
test(fault, "ip proto wireguard", `The protocol name "wireguard" ${looked}`, "wireguard", "write its number");
test(fault, "ether proto \\nonsense", `The protocol name "nonsense" ${looked}`, "\\nonsense", "write its number");
test(fault, "example.net", `Unknown word "example.net": a name ${looked}`, "example.net");
test(fault, "tcp and flags", `Unknown word "flags": a name ${looked}`, "flags");
test(fault, "tcp[13] = syn", `Unknown word "syn": a name ${looked}`, "syn");
test(fault, "TCP port 80", 'Unknown word "TCP"', "TCP", 'libpcap knows it in small letters: "tcp"');
test(
  fault,
  "ip6 protochain 6",
  '"protochain" needs a loop over headers, which a match cannot have',
  "protochain",
  'write the headers that you expect, such as "ip6 proto 6 or (ip6 proto 0 and ip6[40] = 6)"',
);
test(
  fault,
  "gateway router",
  '"gateway" looks up an Ethernet address and an IP address by name',
  "gateway",
  'write "ether host" with the Ethernet address and "not host" with the IP address',
);
test(fault, "ip and inbound", '"inbound" asks the capture that a packet is from, which a match has none of', "inbound");
test(fault, "ip and\u0007tcp", "An expression has no control characters", "\u0007");
test(fault, "  ", "The expression is empty", "  ");
test(fault, "ip and arp", "libpcap refuses the expression: expression rejects all packets", "ip and arp");
test(fault, "ip broadcast", "libpcap refuses the expression: netmask not known, so 'ip broadcast' not supported", "ip broadcast");
test(fault, "tcp port 80 80 and ip", syntax, "80");
test(fault, "tcp prt 80 or ip", `Unknown word "prt": a name ${looked}`, "prt");
test(fault, "(tcp or udp)) and ip", syntax, ")");
test(fault, "tcp[2:] = 1", syntax, "]");
test(fault, "net 10/8", syntax, "/");

test("compileMatch() points behind an expression that ends too early", (t) => {
  for (const [expression, at] of [
    ["tcp port", 8],
    ["(tcp or udp", 11],
    ["ip and ", 6],
  ] as const) {
    const found = compileMatch(expression);
    t.like(found, { kind: "fault", message: syntax, start: at, end: at + 1 });
  }
});

test("compileMatch() refuses what libpcap would take minutes for, and what is nested too deeply", (t) => {
  const list = (length: number, word: string): string => Array.from({ length }, (_, index) => `${word} ${index}`).join(" or ");
  const tooLarge = {
    kind: "fault",
    message: "The expression is too large: libpcap would take minutes to compile it",
    hint: 'use several steps, or the filter "acl" for sets of addresses and ports',
  } as const;

  t.like(compileMatch(list(1500, "portrange")), tooLarge);
  t.like(compileMatch(list(400, "port")), tooLarge, "only libpcap knows how much it is");
  t.is(compileMatch(list(60, "port")).kind, "match");
  t.like(compileMatch(`${"(".repeat(16_000)}ip${")".repeat(16_000)}`), { kind: "fault" });
});

test("compileMatch() does not look for the place in what nobody reads", (t) => {
  const expression = `${Array.from({ length: 300 }, (_, index) => `port ${index}`).join(" or ")} or or`;

  t.like(compileMatch(expression), { kind: "fault", message: syntax, start: 0, end: expression.length });
});

test("compileMatch() takes every way to write an address", (t) => {
  for (const expression of [
    "host 192.0.2.1",
    "net 10.1",
    "ip6 host ::1",
    "ip6 host ::ffff:192.0.2.1",
    "ether host 1:2:3:4:5:6",
    "ether host 00-11-22-33-44-55",
    "ether host 0011.2233.4455",
    "ether proto \\arp",
    "port 0x50",
    "portrange 80-90",
    "ether[12:2] = 0x0800",
  ]) {
    t.is(compileMatch(expression).kind, "match", expression);
  }
});

test("compileMatch() gives the code, and what names it", (t) => {
  const match = compileMatch("arp");

  if (match.kind === "fault") return t.fail(match.message);
  t.is(Buffer.from(match.code).toString("hex"), "280000000c000000" + "1500000106080000" + "0600000000000400" + "0600000000000000");
  t.is(match.digest, createHash("sha256").update(match.code).digest("hex"));
  t.regex(match.libpcap, /^1\.\d+/);
});
