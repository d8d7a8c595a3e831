// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Eight exits of their own, one for each end of a jump. */
SEC("xdp")
int many_exits(struct xdp_md *ctx)
{
	__u32 kind = byte_at(ctx, 5);

	asm volatile("if %[kind] != 0 goto +2; r0 = 0; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 1 goto +2; r0 = 2; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 2 goto +2; r0 = 8; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 3 goto +2; r0 = 14; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 4 goto +2; r0 = 15; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 5 goto +2; r0 = 0x7fffffff; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 6 goto +2; r0 = -2; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 7 goto +3; r0 = 1; r0 <<= 31; exit" : : [kind] "r"(kind) : "r0");
	return XDP_PASS;
}

/* The low half is a verdict that continues, the whole is not. */
SEC("xdp")
int half_verdict(struct xdp_md *ctx)
{
	__u64 verdict = byte_at(ctx, 4) & 1 ? 0x100000002ULL : 0xffffffff00000001ULL;

	asm volatile("r0 = %[verdict]; if r0 == 0 goto +1; exit" : : [verdict] "r"(verdict) : "r0");
	return XDP_PASS;
}

/* The verdict of a helper: XDP_REDIRECT, or what its flags say for a failure. */
SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	return byte_at(ctx, 4) & 3 ? XDP_PASS : bpf_redirect(1, 0);
}

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

/* The map is empty, so the verdict is the one in the flags. */
SEC("xdp")
int redirect_map(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, byte_at(ctx, 4) & 7, byte_at(ctx, 5) & 1 ? XDP_PASS : XDP_TX);
}

/* A table of jumps, or what clang makes of one. */
SEC("xdp")
int jump_table(struct xdp_md *ctx)
{
	volatile __u32 verdict = XDP_PASS;

	switch (byte_at(ctx, 5) & 15) {
	case 0: verdict = XDP_DROP; break;
	case 1: verdict += length_of(ctx); break;
	case 2: return XDP_TX;
	case 3: verdict -= byte_at(ctx, 11); break;
	case 5: verdict *= byte_at(ctx, 10); break;
	case 8: verdict ^= 1; break;
	case 13: return XDP_ABORTED;
	}
	return verdict & 3;
}
