/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ordered rules as bits of a 64-bit word: what a field's value leaves of them is found in a table of ranges. */
#ifndef SLUICE_RULES_H
#define SLUICE_RULES_H

#include "packet.h"

#define RULES 64
#define RANGES 512

/* A field's table: `rows` rows (0: no rule asks) from `start` in the two arrays below. */
struct table {
	__u16 start;
	__u16 rows;
};

/* Row i holds for the values from range_first[i] to before the next one. Apart from .rodata, for it is only stored when used. */
const volatile __u16 range_first[RANGES] SEC(".rodata.ranges") = {};
const volatile __u64 range_rules[RANGES] SEC(".rodata.ranges") = {};

/* Binary search without branches: for the verifier one path, whatever the table's size. */
static __always_inline __u64 rules_of(const volatile struct table *table, __u32 value)
{
	__u32 index = table->start;
	__u32 left, half;

	for (left = table->rows; left > 1; left -= half) {
		__u64 below;

		half = left >> 1;
		below = (__u64)range_first[(index + half) & (RANGES - 1)] - value - 1;
		/* Hides the comparison, which clang would turn into a branch. */
		asm volatile("%0 s>>= 63" : "+r"(below));
		index += half & below;
	}
	return range_rules[index & (RANGES - 1)];
}

/* Its number; counted by hand and hidden, because clang 14 crashes on __builtin_ctzll for BPF. */
static __always_inline __u32 lowest_bit(__u64 word)
{
	__u64 below = (word & -word) - 1;

	asm volatile("" : "+r"(below));
	below -= below >> 1 & 0x5555555555555555;
	below = (below & 0x3333333333333333) + (below >> 2 & 0x3333333333333333);
	below = (below + (below >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return below * 0x0101010101010101 >> 56;
}

#endif
