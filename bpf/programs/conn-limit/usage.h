/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many connections a scope has: those that stand, and the SYNs that were let through and have not become one yet. */
#ifndef SLUICE_CONN_LIMIT_USAGE_H
#define SLUICE_CONN_LIMIT_USAGE_H

#include "../shared/clock.h"
#include "../shared/frame.h"
#include "../shared/port-set.h"
#include "../shared/source.h"

/* SYNs are counted by when they came, in fifths of the time that they count: what is old is skipped, and nobody has to take it away. */
#define SLOTS 8
#define LIVE_SLOTS 5
#define NUMBER_SHIFT 32
#define COUNT_MASK 0xffffffffULL
#define ATTEMPTS 4

enum scope_kind {
	PER_PORT,
	PER_TOTAL,
	PER_SRC,
	PER_SRC_PORT,
};

/* What has a limit of its own. */
struct scope {
	__u32 address[4];
	__u16 port;
	__u8 family; /* of the address */
	__u8 unused;
};

struct usage {
	__u64 established;
	__u64 pending[SLOTS]; /* a slot's number, then a count */
};

/* A connection as its first packet shows it: from the client. */
struct syn {
	__u32 src[4];
	__u32 dst[4];
	__u16 sport;
	__u16 dport;
	__u32 family;
};

/* Written in place: another limit holds from the next SYN on. */
struct limit {
	__u64 max;
	__u64 slot_length; /* ns */
};

struct counts {
	__u64 within;
	__u64 over;
	__u64 repeated;	   /* SYNs that came again */
	__u64 established; /* connections that began, or stood already */
	__u64 closed;
	__u64 untracked; /* connections for which there was no room */
	__u64 no_room;	 /* SYNs whose scope found none */
	__u64 no_l4;
	__u64 malformed;
	__u64 gone; /* connections whose end nobody saw */
};

/* What a connection counts for, and the look at all sockets in which it was seen last. */
struct tracked {
	struct scope scope;
	__u32 round;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct limit);
	__uint(max_entries, 1);
} limit SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct scope);
	__type(value, struct usage);
	__uint(max_entries, 1024);
} usages SEC(".maps");

/* The slot in which a SYN was counted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct syn);
	__type(value, __u32);
	__uint(max_entries, 1024);
} pending SEC(".maps");

/* Connections that stand, by the kernel's address of the socket: each counts once, however many programs watch. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, struct tracked);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} sockets SEC(".maps");

/* How often all sockets have been looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} rounds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, 1);
} counters SEC(".maps");

const volatile __u8 per = PER_PORT;
const volatile __u8 use_pending = 1;
const volatile __u8 include_loopback = 0;
const volatile __u8 reset = 0;
const volatile __u8 observe = 0;
const volatile __u8 malformed_drop = 0;

static __always_inline void fill_scope(struct scope *scope, const struct packet *packet, const struct facts *facts, __u16 port)
{
	if (per == PER_PORT || per == PER_SRC_PORT)
		scope->port = port;
	if (per == PER_SRC || per == PER_SRC_PORT) {
		copy_source(scope->address, packet, facts);
		scope->family = facts->kind;
	}
}

static __always_inline int is_same_scope(const struct scope *one, const struct scope *other)
{
	return one->address[0] == other->address[0] && one->address[1] == other->address[1] && one->address[2] == other->address[2] &&
	       one->address[3] == other->address[3] && one->port == other->port && one->family == other->family;
}

static __always_inline struct usage *find_usage(const struct scope *scope)
{
	struct usage fresh = {};
	struct usage *found = bpf_map_lookup_elem(&usages, scope);

	if (found)
		return found;
	bpf_map_update_elem(&usages, scope, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&usages, scope);
}

static __always_inline int is_live(__u32 number, __u32 current)
{
	return current - number < LIVE_SLOTS;
}

/* Adds to the slot of `number`, or takes from it what was added there. */
static __always_inline int change_slot(struct usage *usage, __u32 number, int add)
{
	__u64 *slot = &usage->pending[number & (SLOTS - 1)];
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ATTEMPTS; i++) {
		__u64 before = *(volatile __u64 *)slot;
		__u64 count = before >> NUMBER_SHIFT == number ? before & COUNT_MASK : 0;
		__u64 after;

		if (!add && !count)
			return 1;
		after = (__u64)number << NUMBER_SHIFT | (add ? count + 1 : count - 1);
		if (__sync_val_compare_and_swap(slot, before, after) == before)
			return 1;
	}
	return 0;
}

static __always_inline __u64 connections(const struct usage *usage, __u32 current)
{
	__u64 sum = *(volatile __u64 *)&usage->established;
	int i;

#pragma unroll
	for (i = 0; i < SLOTS; i++) {
		__u64 slot = *(volatile __u64 *)&usage->pending[i];

		if (is_live(slot >> NUMBER_SHIFT, current))
			sum += slot & COUNT_MASK;
	}
	return sum;
}

#endif
