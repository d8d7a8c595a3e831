// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

#define many(count) ".rept " #count "; r7 *= 3; r7 += 5; r7 ^= 7; r7 &= 0xffff; .endr;"

/* Longer than a jump reaches, with exits on the way. */
SEC("xdp")
int large(struct xdp_md *ctx)
{
	asm volatile("r7 = %[first]; r8 = %[second]; r7 &= 255;"
		     "if r8 != 1 goto +2; r0 = 1; exit;" many(3000)
		     "if r8 != 2 goto +2; r0 = 1; exit;" many(3000)
		     "if r8 != 3 goto +2; r0 = 3; exit;" many(3000)
		     "r7 &= 1; if r7 != 0 goto +2; r0 = 1; exit;"
		     : : [first] "r"(byte_at(ctx, 5)), [second] "r"(byte_at(ctx, 4)) : "r0", "r7", "r8");
	return XDP_PASS;
}

/* An exit at the beginning, and none for as far as a jump reaches. */
SEC("xdp")
int far_exit(struct xdp_md *ctx)
{
	asm volatile("r7 = %[first]; r7 &= 255; if r7 != 4 goto +2; r0 = 1; exit;" many(6000)
		     "r7 &= 3; if r7 != 0 goto +2; r0 = 1; exit;"
		     : : [first] "r"(byte_at(ctx, 5)) : "r0", "r7");
	return XDP_PASS;
}
