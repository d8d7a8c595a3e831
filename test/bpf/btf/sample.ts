// SPDX-License-Identifier: Apache-2.0
import { readBtf } from "../../../bpf/btf/read.ts";
import type { Btf } from "../../../bpf/btf/types.ts";
import { compileBtf } from "./compile-btf.ts";

/** C with every kind of member that a policy can give a value; compiled by clang, so the layout is the compiler's. */
const source = `
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef unsigned long long __u64; typedef int __s32;
typedef __u16 __be16; typedef __u32 __be32; typedef __u64 __be64;
struct in_addr { __be32 s_addr; };
struct in6_addr { union { __u8 u6_addr8[16]; __be16 u6_addr16[8]; __be32 u6_addr32[4]; } in6_u; };
enum color { RED, GREEN = 5, BLUE };
struct inner { __u8 mac[6]; __u16 pad; };
struct bits { unsigned one : 3; int two : 5; __u64 wide : 40; _Bool on : 1; enum color shade : 4; };
struct words { __be16 port; __be32 ip; __be64 far; struct in_addr four; struct in6_addr six; __be32 raw6[4]; __be16 halves[8]; };
struct choice { __u32 kind; union { __be32 v4; __be32 v6[4]; struct { __u16 low; __u16 high; }; }; };
struct holed { __u8 a; __u32 b; };
struct lpm4 { __u32 prefixlen; __u8 addr[4]; };
struct lpm4_word { const __u32 prefix_len; __u32 addr; };
struct lpm6 { __u32 prefixlen; struct in6_addr addr; };
struct bpf_lpm_trie_key_u8 { __u32 prefixlen; };
struct lpm_header { struct bpf_lpm_trie_key_u8 head; __be32 addr; };
struct not_lpm { __u32 count; __be32 addr; };
struct flexible { __u32 n; __u8 data[]; };
struct all {
  __u64 a; __s32 b; enum color c; struct inner in; char name[8]; _Bool on; float single; double twice; __u8 blob[3];
  signed char small[2]; __int128 wide; volatile const __u32 ports[4]; void *where; __u8 matrix[2][6]; struct holed list[2];
};
union either { __u8 a; __u32 b; };
const volatile __u32 max_backends = 4;
const volatile char label[4] = "x";
struct all all_; struct bits bits_; struct words words_; struct choice choice_; struct lpm4 lpm4_; struct lpm4_word lpm4_word_; struct lpm6 lpm6_;
struct lpm_header lpm_header_; struct not_lpm not_lpm_; struct flexible flexible_; union either either_; struct undefined *undefined_;
__attribute__((section("xdp"))) int prog(void *ctx) { return max_backends + label[1]; }
`;

let compiled: Uint8Array | undefined;

/** The raw BTF of the sample; compiled once per test file. */
export function sampleBtf(): Uint8Array {
  compiled ??= compileBtf(source);
  return compiled;
}

export function sample(): Btf {
  return readBtf(sampleBtf());
}

/** The id of a type of this kind and name. */
export function typeNamed(btf: Btf, kind: string, name: string): number {
  const id = btf.types.findIndex((type) => type.kind === kind && "name" in type && type.name === name);
  if (id < 0) throw new Error(`The sample has no ${kind} ${name}`);
  return id;
}
