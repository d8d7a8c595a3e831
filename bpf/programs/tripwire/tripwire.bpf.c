// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Tells who changes maps and links by bpf(2), and who takes away what is called like one of our pins: a record for every such call of
 * another process that has succeeded. What else happens costs a lookup that finds nothing.
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

enum kind { MAP = 1, LINK = 2, PROCESS = 3, NAME = 4 };

struct thing {
	__u32 kind;
	__u32 id; /* of a name: its hash */
};

/* Maps, links and names to tell of, and processes to say nothing of. */
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

/* Removals that have begun, by thread: the paths that go, in the caller's memory. */
struct removal {
	__u32 call;
	const char *paths[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct removal);
} removals SEC(".maps");

/* Longer paths are not looked at: those of our pins are well below. */
#define LONGEST_PATH 512

struct path {
	char text[LONGEST_PATH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path);
} buffer SEC(".maps");

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

static void tell(__u32 call, struct thing on)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u64 thread = bpf_get_current_pid_tgid();

	if (!event)
		return;
	event->time = bpf_ktime_get_ns();
	event->cgroup = bpf_get_current_cgroup_id();
	event->command = call;
	event->on = on;
	event->process = thread >> 32;
	event->thread = thread;
	event->user = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->name, sizeof(event->name));
	bpf_ringbuf_submit(event, 0);
}

SEC("tracepoint/syscalls/sys_exit_bpf")
int exit_bpf(struct left *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread);

	if (!call)
		return 0;
	/* A batch that fails half-way has changed what came before. */
	if (ctx->result >= 0 || fd_offset(call->command) != 0)
		tell(call->command, call->on);
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

static int begin_removal(__u32 call, unsigned long path, unsigned long other)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct thing process = { PROCESS, thread >> 32 };
	struct removal removal = { call, { (const char *)path, (const char *)other } };

	if (!bpf_map_lookup_elem(&watched, &process))
		bpf_map_update_elem(&removals, &thread, &removal, BPF_ANY);
	return 0;
}

/* FNV-1a of the last part of a path, whatever slashes end it. */
static __u32 hash_name(const char *path)
{
	__u32 zero = 0, hash = 0;
	struct path *buffered = bpf_map_lookup_elem(&buffer, &zero);
	int between = 1;

	if (!buffered || bpf_probe_read_user_str(buffered->text, LONGEST_PATH, path) <= 0)
		return 0;
	for (int at = 0; at < LONGEST_PATH; at++) {
		char letter = buffered->text[at];

		if (!letter)
			return hash;
		if (letter == '/') {
			between = 1;
			continue;
		}
		if (between)
			hash = 2166136261u;
		between = 0;
		hash = (hash ^ (__u8)letter) * 16777619u;
	}
	return 0;
}

/* Paths are read when the call is over: by then they are in memory for certain. */
static int end_removal(long result)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct removal *removal = bpf_map_lookup_elem(&removals, &thread);

	if (!removal)
		return 0;
	for (int at = 0; at < 2 && result == 0; at++) {
		struct thing name = { NAME, 0 };

		if (!removal->paths[at])
			continue;
		name.id = hash_name(removal->paths[at]);
		if (bpf_map_lookup_elem(&watched, &name))
			tell(removal->call, name);
	}
	bpf_map_delete_elem(&removals, &thread);
	return 0;
}

/* As user space knows the calls: above all commands of bpf(2). */
enum removing { UNLINK = 1000, RENAME, UMOUNT };

#define REMOVES(call, number, path, other)                                                                                       \
	SEC("tracepoint/syscalls/sys_enter_" #call)                                                                              \
	int enter_##call(struct entered *ctx)                                                                                    \
	{                                                                                                                        \
		return begin_removal(number, path, other);                                                                       \
	}                                                                                                                        \
	SEC("tracepoint/syscalls/sys_exit_" #call)                                                                               \
	int exit_##call(struct left *ctx)                                                                                        \
	{                                                                                                                        \
		return end_removal(ctx->result);                                                                                 \
	}

REMOVES(unlinkat, UNLINK, ctx->arguments[1], 0)
REMOVES(renameat2, RENAME, ctx->arguments[1], ctx->arguments[3])
REMOVES(renameat, RENAME, ctx->arguments[1], ctx->arguments[3])
REMOVES(umount, UMOUNT, ctx->arguments[0], 0)
/* Not on every architecture: user space leaves out what the kernel does not have. */
REMOVES(unlink, UNLINK, ctx->arguments[0], 0)
REMOVES(rename, RENAME, ctx->arguments[0], ctx->arguments[1])
