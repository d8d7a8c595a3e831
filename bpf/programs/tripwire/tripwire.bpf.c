// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Tells who changes maps and links by bpf(2): a record for every such call of another process that has succeeded, on an object that is
 * watched. What else happens costs a lookup that finds nothing.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

/* As much of the kernel's structures as it takes from an fd to an id; offsets come from the running kernel's BTF. */
struct file {
	void *private_data;
} __attribute__((preserve_access_index));

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct task_struct {
	struct files_struct *files;
} __attribute__((preserve_access_index));

struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));

struct bpf_link {
	__u32 id;
} __attribute__((preserve_access_index));

enum kind { MAP = 1, LINK = 2, PROCESS = 3 };

struct thing {
	__u32 kind;
	__u32 id;
};

/* Maps and links to tell of, and processes to say nothing of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct thing);
	__type(value, __u8);
} watched SEC(".maps");

struct call {
	__u32 command;
	struct thing on;
};

/* Calls that have begun, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

struct event {
	__u64 time; /* nanoseconds since the machine started */
	__u64 cgroup;
	__u32 command;
	struct thing on;
	__u32 process;
	__u32 thread;
	__u32 user;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

/* What a tracepoint of a system call gets: include/trace/syscall.h. */
struct entered {
	__u64 common;
	long number;
	unsigned long arguments[6];
};

struct left {
	__u64 common;
	long number;
	long result;
};

static void *object_of(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file ? BPF_CORE_READ(file, private_data) : NULL;
}

/* Where union bpf_attr says what a command changes; -1 for one that changes nothing of ours. */
static int fd_offset(__u32 command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH:
		return 0;
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
		return 36;
	default:
		return -1;
	}
}

SEC("tracepoint/syscalls/sys_enter_bpf")
int enter_bpf(struct entered *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct thing process = { PROCESS, thread >> 32 };
	struct call call = { .command = ctx->arguments[0] };
	int offset = fd_offset(call.command);
	__u32 fd = 0;
	void *object;

	if (offset < 0 || bpf_map_lookup_elem(&watched, &process))
		return 0;
	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)ctx->arguments[1] + offset))
		return 0;
	object = object_of(fd);
	if (!object)
		return 0;
	if (call.command == BPF_LINK_UPDATE || call.command == BPF_LINK_DETACH) {
		call.on.kind = LINK;
		call.on.id = BPF_CORE_READ((struct bpf_link *)object, id);
	} else {
		call.on.kind = MAP;
		call.on.id = BPF_CORE_READ((struct bpf_map *)object, id);
	}
	if (bpf_map_lookup_elem(&watched, &call.on))
		bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_bpf")
int exit_bpf(struct left *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread);
	struct event *event;

	if (!call)
		return 0;
	/* A batch that fails half-way has changed what came before. */
	event = ctx->result < 0 && fd_offset(call->command) == 0 ? NULL : bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->time = bpf_ktime_get_ns();
		event->cgroup = bpf_get_current_cgroup_id();
		event->command = call->command;
		event->on = call->on;
		event->process = thread >> 32;
		event->thread = thread;
		event->user = bpf_get_current_uid_gid();
		bpf_get_current_comm(event->name, sizeof(event->name));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}
