/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sets of addresses, and how an address finds the rules that name it. */
#ifndef SLUICE_ACL_ADDRESSES_H
#define SLUICE_ACL_ADDRESSES_H

#include "../shared/packet.h"

/* Different prefix lengths that a side may be probed for. */
#define PROBES 32

/* The rules that an address matches as source and as destination, those of all covering prefixes included. */
struct address_rules {
	__u64 src;
	__u64 dst;
};

struct prefix4 {
	__u32 length;
	__u8 address[4];
};

struct prefix6 {
	__u32 length;
	__u8 address[16];
};

/*
 * Prefixes of few different lengths are looked up in a hash, length by length, the longest first: each probe costs a twelfth of a walk
 * through a trie. Where there are many lengths, the hash holds single addresses only, and a trie the rest.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct prefix4);
	__type(value, struct address_rules);
	__uint(max_entries, 1);
} prefixes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct prefix6);
	__type(value, struct address_rules);
	__uint(max_entries, 1);
} prefixes6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct prefix4);
	__type(value, struct address_rules);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} trie4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct prefix6);
	__type(value, struct address_rules);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} trie6 SEC(".maps");

/* The lengths of a side's prefixes, longest first, `probes` of them; and whether the trie can find anything. */
struct lengths {
	__u8 length[PROBES];
	__u8 probes;
	__u8 trie;
};

/* Without any, the verifier takes the lookup out. */
const volatile struct lengths src4 = {};
const volatile struct lengths src6 = {};
const volatile struct lengths dst4 = {};
const volatile struct lengths dst6 = {};

static __always_inline __u32 mask4(__u32 length)
{
	return bpf_htonl((__u32)(0xffffffff00000000 >> length));
}

static __always_inline struct address_rules *find4(__u32 address, const volatile struct lengths *lengths)
{
	struct {
		__u32 length;
		__u32 address;
	} key;
	struct address_rules *found;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < lengths->probes && i < PROBES; i++) {
		key.length = lengths->length[i];
		key.address = address & mask4(key.length);
		found = bpf_map_lookup_elem(&prefixes4, &key);
		if (found)
			return found;
	}
	if (!lengths->trie)
		return 0;
	key.length = 32;
	key.address = address;
	return bpf_map_lookup_elem(&trie4, &key);
}

/* Of the word of an IPv6 address that starts at bit `start`. */
static __always_inline __u32 mask6(__u32 length, __u32 start)
{
	if (length <= start)
		return 0;
	return length >= start + 32 ? 0xffffffff : mask4(length - start);
}

static __always_inline struct address_rules *find6(const __u32 *address, const volatile struct lengths *lengths)
{
	struct {
		__u32 length;
		__u32 address[4];
	} key;
	struct address_rules *found;
	__u32 i, word;

#pragma clang loop unroll(disable)
	for (i = 0; i < lengths->probes && i < PROBES; i++) {
		key.length = lengths->length[i];
#pragma unroll
		for (word = 0; word < 4; word++)
			key.address[word] = address[word] & mask6(key.length, word * 32);
		found = bpf_map_lookup_elem(&prefixes6, &key);
		if (found)
			return found;
	}
	if (!lengths->trie)
		return 0;
	key.length = 128;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&trie6, &key);
}

#endif
