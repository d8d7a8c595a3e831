/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much of a source's address makes one source. A customer usually has a whole IPv6 /64, and would slip through limits per address. */
#ifndef SLUICE_SOURCE_H
#define SLUICE_SOURCE_H

#include "packet.h"

/* Network order. */
const volatile __u32 src_mask4 = 0xffffffff;
const volatile __u32 src_mask6[4] = {};

/* One of the packet's addresses, as far as the masks let it. */
static __always_inline void copy_masked(__u32 *to, const __u32 *address, const struct facts *facts)
{
	int i;

	if (facts->kind == PACKET_IP4) {
		to[0] = address[0] & src_mask4;
		return;
	}
#pragma unroll
	for (i = 0; i < 4; i++)
		to[i] = address[i] & src_mask6[i];
}

static __always_inline void copy_source(__u32 *to, const struct packet *packet, const struct facts *facts)
{
	copy_masked(to, packet->src, facts);
}

#endif
