/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clocks of the kernel in nanoseconds; all of them stand where a test has put them when the program is built for tests. */
#ifndef SLUICE_CLOCK_H
#define SLUICE_CLOCK_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#ifdef SLUICE_TEST_CLOCK
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} test_clock SEC(".maps");

static __always_inline __u64 test_now(void)
{
	__u32 zero = 0;
	__u64 *set = bpf_map_lookup_elem(&test_clock, &zero);

	return set ? *set : 0;
}

#define CLOCK(helper) test_now()
#else
#define CLOCK(helper) helper()
#endif

/* Since the machine started. */
static __always_inline __u64 now(void)
{
	return CLOCK(bpf_ktime_get_ns);
}

/* The same, as of the last tick: up to 10 ms behind, at half the price. */
static __always_inline __u64 coarse_now(void)
{
	return CLOCK(bpf_ktime_get_coarse_ns);
}

/* Since 1970, without leap seconds where the machine knows of them: up to 37 s ahead of UTC. */
static __always_inline __u64 calendar_now(void)
{
	return CLOCK(bpf_ktime_get_tai_ns);
}

#endif
