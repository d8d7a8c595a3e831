/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * GCRA keeps one number per key: the time up to which the key has used its rate. A sliding window keeps two counts: those
 * admitted in this window, and in the one before, of which the share still counts that lies within one window of now.
 * Both are changed by compare-and-swap only, so processors never lose each other's packets.
 */
#ifndef SLUICE_RATE_LIMIT_BUCKET_H
#define SLUICE_RATE_LIMIT_BUCKET_H

#include "../shared/clock.h"
#include "../shared/packet.h"

/* GCRA counts time in 1/256 ns: a packet per 100 ns is not rounded away, and 2.2 years of uptime fit. */
#define CLOCK_SHIFT 8
#define ATTEMPTS 3

/* A window's number and what was admitted in it, in one word that can be swapped. */
#define COUNT_BITS 43
#define COUNT_MASK ((1ULL << COUNT_BITS) - 1)
#define NUMBER_MASK ((1ULL << (64 - COUNT_BITS)) - 1)

/* Written in place: a new limit holds from the next packet on. */
struct limit {
	__u64 multiplier; /* GCRA: time of one unit, in 1/256 ns shifted left by `shift` */
	__u64 tolerance;  /* GCRA: burst, in 1/256 ns */
	__u64 horizon;	  /* GCRA: further ahead than this no key can be; what is, is stale */
	__u64 allowance;  /* sliding window: units per window */
	__u64 window;	  /* sliding window: ns */
	__u32 shift;
	__u32 generation; /* of these numbers: a bucket of another one starts anew */
};

struct bucket {
	__u64 first;  /* GCRA: used up to; sliding window: this window */
	__u64 second; /* sliding window: the one before */
	__u32 generation;
	__u32 unused;
};

struct counts {
	__u64 within_packets;
	__u64 within_bytes;
	__u64 over_packets;
	__u64 over_bytes;
	__u64 new_keys;
	__u64 overflow;	 /* no room for the key */
	__u64 contended; /* admitted because other processors kept changing the bucket */
	__u64 no_l4;	 /* fragments, whose ports nobody can see */
	__u64 malformed;
};

const volatile __u8 sliding = 0;

/* GCRA. A frame larger than the whole burst passes when the key is at rest; the time it took is owed. */
static __always_inline int admit_gcra(struct bucket *bucket, const struct limit *limit, __u64 units, struct counts *counts)
{
	__u64 clock = now() << CLOCK_SHIFT;
	__u64 cost = units * limit->multiplier >> limit->shift;
	__u64 tolerance = limit->tolerance;
	__u64 need = cost < tolerance ? cost : tolerance;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ATTEMPTS; i++) {
		__u64 used = *(volatile __u64 *)&bucket->first;
		__u64 ahead = used - clock;

		/* In the past, or so far ahead that it was written before the clock wrapped. */
		if (ahead > limit->horizon)
			ahead = 0;
		if (ahead + need > tolerance)
			return 0;
		if (__sync_val_compare_and_swap(&bucket->first, used, clock + ahead + cost) == used)
			return 1;
	}
	counts->contended++;
	return 1;
}

/* What was admitted in the window before `number`, moved to its place when this is the first packet of the new window. */
static __always_inline __u64 previous_count(struct bucket *bucket, __u64 current, __u64 number)
{
	__u64 before = (number - 1) & NUMBER_MASK;
	__u64 previous = *(volatile __u64 *)&bucket->second;
	__u64 count = 0;

	if (current >> COUNT_BITS == number)
		return previous >> COUNT_BITS == before ? previous & COUNT_MASK : 0;
	if (current >> COUNT_BITS == before)
		count = current & COUNT_MASK;
	__sync_val_compare_and_swap(&bucket->second, previous, before << COUNT_BITS | count);
	return count;
}

static __always_inline int admit_sliding(struct bucket *bucket, const struct limit *limit, __u64 units, struct counts *counts)
{
	__u64 clock = now();
	__u64 window = limit->window ? limit->window : 1;
	__u64 number = clock / window & NUMBER_MASK;
	__u64 share = 1024 - clock % window * 1024 / window;
	__u64 allowance = limit->allowance;
	__u64 need = units < allowance ? units : allowance;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ATTEMPTS; i++) {
		__u64 current = *(volatile __u64 *)&bucket->first;
		__u64 previous = previous_count(bucket, current, number);
		__u64 count = current >> COUNT_BITS == number ? current & COUNT_MASK : 0;

		/* Rounded up: half a packet of the window before is one that was let through. */
		if (count + ((previous * share + 1023) >> 10) + need > allowance)
			return 0;
		if (__sync_val_compare_and_swap(&bucket->first, current, number << COUNT_BITS | ((count + units) & COUNT_MASK)) == current)
			return 1;
	}
	counts->contended++;
	return 1;
}

static __always_inline int admit(struct bucket *bucket, const struct limit *limit, __u64 units, struct counts *counts)
{
	if (bucket->generation != limit->generation) {
		bucket->first = 0;
		bucket->second = 0;
		bucket->generation = limit->generation;
	}
	return sliding ? admit_sliding(bucket, limit, units, counts) : admit_gcra(bucket, limit, units, counts);
}

#endif
