// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} words SEC(".maps");

/* Additions that give the old value back, exchange, compare and exchange. */
SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	__u32 key = byte_at(ctx, 5) & 3;
	__u64 *word = bpf_map_lookup_elem(&words, &key), old;

	if (!word)
		return XDP_ABORTED;
	old = __sync_fetch_and_add(word, length_of(ctx));
	__sync_fetch_and_xor(word, 0x55);
	__sync_fetch_and_or(word, 0x100);
	old += __sync_val_compare_and_swap(word, old, 7);
	__sync_lock_test_and_set(word, *word & 0xffff);
	return old & 2 ? XDP_PASS : XDP_DROP;
}

/* Writes to the lower half of a register clear the upper one. */
SEC("xdp")
int halves(struct xdp_md *ctx)
{
	__u64 wide = (__u64)length_of(ctx) << 33 | byte_at(ctx, 3);
	__u32 narrow = wide;
	__s32 signed_narrow = (__s32)(narrow << 24) >> 20;

	asm volatile("w8 = %[n]; w8 += -1; w8 <<= 1; %[n] = w8" : [n] "+w"(narrow) : : "r8");
	wide ^= (__u64)narrow + (__u64)(__s64)signed_narrow;
	return (wide >> 32 ^ wide) & 3 ? XDP_PASS : XDP_DROP;
}

/* A division by zero gives zero in BPF. */
SEC("xdp")
int divisions(struct xdp_md *ctx)
{
	__u64 above = length_of(ctx) * 1000ULL, below = byte_at(ctx, 4) & 1, quotient = above;

	asm volatile("%[q] /= %[b]" : [q] "+r"(quotient) : [b] "r"(below));
	return quotient == 0 ? XDP_DROP : XDP_PASS;
}

/* Byte orders of every width. */
SEC("xdp")
int byte_orders(struct xdp_md *ctx)
{
	__u64 word = byte_at(ctx, 5) * 0x0102030405060708ULL + length_of(ctx);

	word ^= bpf_cpu_to_be64(word) + bpf_htonl((__u32)word) + bpf_htons((__u16)word);
	return word % 5 ? XDP_PASS : XDP_DROP;
}
