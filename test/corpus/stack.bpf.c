// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Nearly all of the stack: a histogram of the first bytes. */
SEC("xdp")
int deep_stack(struct xdp_md *ctx)
{
	volatile __u8 seen[464];
	__u8 *data = (void *)(long)ctx->data;
	__u32 distinct = 0;

	if (data + 20 > (__u8 *)(long)ctx->data_end)
		return XDP_PASS;
	for (int i = 0; i < 464; i++)
		seen[i] = 0;
	for (int i = 0; i < 20; i++) {
		distinct += 1 - seen[data[i]];
		seen[data[i]] = 1;
	}
	return distinct > 12 ? XDP_DROP : XDP_PASS;
}

/* An address added to a number: Linux 6.18 misunderstands that in a called function, so this must be inlined. */
SEC("xdp")
int signed_index(struct xdp_md *ctx)
{
	volatile __u8 box[64] = {};
	long at = byte_at(ctx, 30);

	at -= 100;
	if (at < -32 || at > 31)
		return XDP_PASS;
	*(box + 32 + at) = 1;
	return box[40] ? XDP_DROP : XDP_PASS;
}

static noinline int fill(struct xdp_md *ctx, volatile __u8 *box, int seed)
{
	for (int i = 0; i < 64; i++)
		box[i] = seed + byte_at(ctx, i & 15);
	return box[seed & 63];
}

static noinline int below(struct xdp_md *ctx, int seed)
{
	volatile __u8 box[200];

	for (int i = 0; i < 200; i++)
		box[i] = seed;
	return fill(ctx, &box[64], seed) + box[seed & 127];
}

/* Frames below the main body's. */
SEC("xdp")
int stack_of_callees(struct xdp_md *ctx)
{
	volatile __u8 box[100];

	for (int i = 0; i < 100; i++)
		box[i] = i;
	return (below(ctx, 7) + box[length_of(ctx) & 63]) & 4 ? XDP_DROP : XDP_PASS;
}
