// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One program for each group of helpers and instructions that the corpus does not use: results go to `results` and into the verdict. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct bpf_map;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} itself SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

static __always_inline void note(__u32 slot, __u64 value)
{
	bpf_map_update_elem(&results, &slot, &value, BPF_ANY);
}

static __always_inline __u64 first_bytes(struct xdp_md *ctx)
{
	__u64 *at = (void *)(long)ctx->data;

	return (void *)(at + 1) > (void *)(long)ctx->data_end ? 7 : *at;
}

/* Errors that a program can run into. */
SEC("xdp")
int map_errors(struct xdp_md *ctx)
{
	__u32 key = first_bytes(ctx) % 7, beyond = 64;
	__u64 value = key;

	note(0, bpf_map_update_elem(&small, &key, &value, BPF_NOEXIST));
	note(1, bpf_map_update_elem(&small, &key, &value, BPF_EXIST));
	note(2, bpf_map_delete_elem(&results, &key));
	note(3, bpf_map_update_elem(&results, &beyond, &value, BPF_ANY));
	note(4, bpf_map_update_elem(&results, &key, &value, BPF_NOEXIST));
	note(5, bpf_map_lookup_elem(&results, &beyond) != 0);
	if (first_bytes(ctx) & 0x1000)
		note(6, bpf_map_delete_elem(&small, &key));
	return XDP_PASS;
}

static long visit(struct bpf_map *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *key * 100 + *value;
	*value += 1;
	return *sum > 900;
}

SEC("xdp")
int each_element(struct xdp_md *ctx)
{
	__u64 sum = first_bytes(ctx) & 0xff;

	note(8, bpf_for_each_map_elem(&results, visit, &sum, 0));
	note(9, sum);
	return XDP_PASS;
}

static long nothing(__u32 index, void *context)
{
	return 0;
}

SEC("xdp")
int loop_limits(struct xdp_md *ctx)
{
	note(10, bpf_loop(1 << 24, nothing, 0, 0));
	note(11, bpf_loop(3, nothing, 0, 1));
	note(12, bpf_loop(first_bytes(ctx) & 15, nothing, 0, 0));
	return XDP_PASS;
}

/* The compiler must not see through these: they are what the interpreter is to compute. */
SEC("xdp")
int arithmetic(struct xdp_md *ctx)
{
	volatile __u64 seen = first_bytes(ctx);
	__u64 a = seen, b = seen >> 17;
	__s64 c = seen;
	__u32 d = seen, e = seen >> 32;
	__s32 f = d;

	note(16, a * b + (a ^ b));
	note(17, b ? a / b : a);
	note(18, a % (b | 1));
	note(19, c >> (b & 63));
	note(20, a << (b & 63));
	note(21, a >> (b & 63));
	note(22, d * e);
	note(23, d / (e | 1));
	note(24, d % (e | 1));
	note(25, (__u64)(__s64)(f >> (e & 31)));
	note(26, d << (e & 31));
	note(27, -c);
	note(28, (__u32)-f);
	note(29, c < (__s64)b ? 1 : 2);
	note(30, f < (__s32)e ? 1 : 2);
	note(31, __builtin_bswap64(a) ^ __builtin_bswap32(d) ^ __builtin_bswap16(d));
	note(32, (a & b) | (a - b));
	note(33, (__u64)(__s64)(__s8)a + (__u64)(__s64)(__s16)b);
	return XDP_PASS;
}

SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	__u32 slot = 40;
	__u64 *at = bpf_map_lookup_elem(&results, &slot), value = first_bytes(ctx);

	if (!at)
		return XDP_ABORTED;
	note(41, __sync_fetch_and_add(at, value));
	note(42, __sync_fetch_and_or(at, value >> 3));
	note(43, __sync_fetch_and_and(at, ~(value << 5)));
	note(44, __sync_fetch_and_xor(at, value << 1));
	note(45, __sync_lock_test_and_set(at, value >> 1));
	note(46, __sync_val_compare_and_swap(at, value >> 1, value));
	note(47, __sync_val_compare_and_swap((__u32 *)at, 5, 6));
	note(48, __sync_fetch_and_add((__u32 *)at, (__u32)value));
	return XDP_PASS;
}

/* Tail calls stop after 33 of them. */
SEC("xdp")
int tail_forever(struct xdp_md *ctx)
{
	__u32 slot = 50;
	__u64 *count = bpf_map_lookup_elem(&results, &slot);

	if (count)
		*count += 1;
	bpf_tail_call(ctx, &itself, 0);
	return XDP_TX;
}

SEC("xdp")
int redirects(struct xdp_md *ctx)
{
	switch (first_bytes(ctx) & 3) {
	case 0:
		return bpf_redirect(1, 0);
	case 1:
		return bpf_redirect(1, 1);
	default:
		return bpf_redirect_map(&devices, 2, first_bytes(ctx) & 3);
	}
}

SEC("xdp")
int records(struct xdp_md *ctx)
{
	__u64 value = first_bytes(ctx), *room;

	note(52, bpf_ringbuf_output(&events, &value, sizeof(value), 0));
	room = bpf_ringbuf_reserve(&events, 16, 0);
	if (!room)
		return XDP_ABORTED;
	room[0] = value;
	room[1] = ~value;
	if (value & 2)
		bpf_ringbuf_submit(room, 0);
	else
		bpf_ringbuf_discard(room, 0);
	note(53, bpf_ringbuf_query(&events, BPF_RB_RING_SIZE));
	return XDP_PASS;
}

/* Beyond what the packet has room for, in all directions. */
SEC("xdp")
int adjust_limits(struct xdp_md *ctx)
{
	int by = (int)(first_bytes(ctx) & 0x1ff) - 256;

	note(54, bpf_xdp_adjust_tail(ctx, 4000));
	note(55, bpf_xdp_adjust_tail(ctx, -4000));
	note(56, bpf_xdp_adjust_head(ctx, -250));
	note(57, bpf_xdp_adjust_head(ctx, 4000));
	note(58, bpf_xdp_adjust_meta(ctx, -3));
	note(59, bpf_xdp_adjust_meta(ctx, 1));
	note(60, bpf_xdp_adjust_meta(ctx, by & ~3));
	note(61, bpf_xdp_adjust_head(ctx, by));
	note(62, ctx->data - ctx->data_meta);
	note(63, ctx->ingress_ifindex * 100 + ctx->rx_queue_index);
	return XDP_PASS;
}

SEC("xdp")
int copies(struct xdp_md *ctx)
{
	__u8 bytes[16] = {};
	__u32 at = first_bytes(ctx) & 0x3f;

	note(0, bpf_xdp_load_bytes(ctx, at, bytes, sizeof(bytes)));
	for (int i = 0; i < 16; i++)
		bytes[i] ^= 0x55;
	note(1, bpf_xdp_store_bytes(ctx, at + 3, bytes, sizeof(bytes)));
	note(2, bpf_xdp_load_bytes(ctx, 0xffff, bytes, 1));
	note(3, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

SEC("xdp")
int checksums(struct xdp_md *ctx)
{
	__be32 a[3] = { first_bytes(ctx), first_bytes(ctx) >> 32, 0x12345678 }, b[2] = { 0xffffffff, first_bytes(ctx) >> 9 };

	note(4, bpf_csum_diff(0, 0, a, sizeof(a), 0));
	note(5, bpf_csum_diff(a, sizeof(a), 0, 0, 0xabcd));
	note(6, bpf_csum_diff(a, sizeof(a), b, sizeof(b), 0x1ffff));
	return XDP_PASS;
}

SEC("tc")
int skb_checksums(struct __sk_buff *skb)
{
	__u32 word = 0;

	note(7, bpf_skb_load_bytes(skb, 26, &word, 4));
	note(8, bpf_l3_csum_replace(skb, 24, word, word ^ 0x01020304, 4));
	note(9, bpf_l4_csum_replace(skb, 36, word, word ^ 0x01020304, BPF_F_PSEUDO_HDR | 4));
	note(10, bpf_l4_csum_replace(skb, 40, word & 0xffff, 0x1234, BPF_F_MARK_MANGLED_0 | 2));
	note(11, bpf_l3_csum_replace(skb, 24, 0, 0x1234, 0));
	note(12, bpf_l3_csum_replace(skb, 25, 0, 0x1234, 2));
	note(13, bpf_l3_csum_replace(skb, 24, 1, 0x1234, 3));
	note(14, bpf_l3_csum_replace(skb, 0xfffe, 1, 0x1234, 2));
	return TC_ACT_OK;
}

SEC("tc")
int skb_fields(struct __sk_buff *skb)
{
	note(15, skb->len);
	note(16, skb->pkt_type);
	note(17, skb->protocol);
	note(18, skb->ifindex);
	note(19, skb->ingress_ifindex);
	note(20, skb->mark + skb->priority + skb->tc_index + skb->hash);
	skb->mark = skb->len * 3;
	skb->cb[1] = skb->mark;
	skb->priority = 9;
	note(21, skb->cb[1] + skb->priority);
	note(22, skb->data_end - skb->data);
	note(23, bpf_skb_pull_data(skb, skb->len));
	note(24, bpf_skb_pull_data(skb, 0x7fff));
	note(25, bpf_skb_change_tail(skb, 3, 0));
	note(26, bpf_skb_change_tail(skb, skb->len + 20, 0));
	note(27, bpf_skb_change_tail(skb, skb->len, 1));
	note(28, skb->len);
	return (skb->len & 1) ? bpf_redirect(1, 0) : bpf_redirect(1, 4);
}
