// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Several exits that the compiler cannot merge, and verdicts that no kernel knows. */
SEC("xdp")
int exits(struct xdp_md *ctx)
{
	__u32 kind = byte_at(ctx, 12);
	int verdict;

	asm volatile("if %[kind] != 0x86 goto +2; r0 = 1; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 0x81 goto +2; r0 = 3; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 0x77 goto +2; r0 = 77; exit" : : [kind] "r"(kind) : "r0");
	asm volatile("if %[kind] != 0x78 goto +2; r0 = -1; exit" : : [kind] "r"(kind) : "r0");
	verdict = byte_at(ctx, 13) == 6 ? XDP_ABORTED : XDP_PASS;
	return verdict;
}

/* The verdict is in the lower half of r0; the kernel does not look at the upper one. */
SEC("xdp")
int wide_verdict(struct xdp_md *ctx)
{
	__u64 verdict = byte_at(ctx, 20) & 1 ? XDP_PASS : XDP_DROP;

	asm volatile("r0 = %[verdict]; r1 = 0x1234; r1 <<= 32; r0 |= r1; if r1 == 0 goto +1; exit" : : [verdict] "r"(verdict) : "r0", "r1");
	return XDP_PASS;
}
