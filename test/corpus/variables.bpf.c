// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

const volatile __u32 drop_above = 1200;
const volatile __u8 look_at = 1;
const volatile __u8 wanted[4] = { 1, 2, 3, 4 };

__u64 packets;
__u64 bytes_by_kind[4];
__u32 threshold = 5;
int balance = -7;

/* Constants that the verifier knows: what they switch off is never verified. */
SEC("xdp")
int constants(struct xdp_md *ctx)
{
	if (length_of(ctx) > drop_above)
		return XDP_DROP;
	if (!look_at)
		asm volatile("r9 = *(u64 *)(r10 + 8)" : : : "r9");
	return byte_at(ctx, 11) == wanted[byte_at(ctx, 10) & 3] ? XDP_DROP : XDP_PASS;
}

/* Zeroed and preset variables that keep what they were told. */
SEC("xdp")
int globals(struct xdp_md *ctx)
{
	packets++;
	bytes_by_kind[byte_at(ctx, 12) & 3] += length_of(ctx);
	__sync_fetch_and_add(&balance, 3);
	if (packets % threshold)
		return XDP_PASS;
	threshold++;
	return XDP_DROP;
}
