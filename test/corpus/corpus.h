/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the corpus share. Each does one thing that a linker can get wrong. */
#pragma once
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define noinline __attribute__((noinline))

char _license[] SEC("license") = "GPL";

/* A byte of an XDP packet; 0 behind its end. */
static __always_inline __attribute__((unused)) __u32 byte_at(struct xdp_md *ctx, __u32 offset)
{
	__u8 *at = (void *)(long)ctx->data + offset;

	return (void *)(at + 1) > (void *)(long)ctx->data_end ? 0 : *at;
}

static __always_inline __attribute__((unused)) __u32 length_of(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data;
}
