// SPDX-License-Identifier: Apache-2.0
import "./structures.ts";
import type { LibbpfFunctions } from "./functions.ts";

/** C prototypes of the bound functions; opaque structures are `void`, so that every pointer is a bigint or a typed array. */
export const prototypes: Readonly<Record<keyof LibbpfFunctions, string>> = {
  libbpf_version_string: "const char *libbpf_version_string()",
  libbpf_set_print: "void *libbpf_set_print(void *print)",
  libbpf_num_possible_cpus: "int libbpf_num_possible_cpus()",
  libbpf_register_prog_handler:
    "int libbpf_register_prog_handler(const char *section, int type, int attach_type, const libbpf_prog_handler_opts *options)",
  libbpf_unregister_prog_handler: "int libbpf_unregister_prog_handler(int handler)",

  bpf_object__open_mem: "void *bpf_object__open_mem(const void *elf, size_t size, const bpf_object_open_opts *options)",
  bpf_object__load: "int bpf_object__load(void *object)",
  bpf_object__close: "void bpf_object__close(void *object)",
  bpf_object__btf: "void *bpf_object__btf(void *object)",
  bpf_object__next_program: "void *bpf_object__next_program(void *object, void *previous)",
  bpf_object__next_map: "void *bpf_object__next_map(void *object, void *previous)",

  bpf_program__name: "const char *bpf_program__name(void *program)",
  bpf_program__section_name: "const char *bpf_program__section_name(void *program)",
  bpf_program__set_autoload: "int bpf_program__set_autoload(void *program, bool autoload)",
  bpf_program__insns: "void *bpf_program__insns(void *program)",
  bpf_program__insn_cnt: "size_t bpf_program__insn_cnt(void *program)",

  bpf_map__name: "const char *bpf_map__name(void *map)",
  bpf_map__type: "int bpf_map__type(void *map)",
  bpf_map__key_size: "uint32_t bpf_map__key_size(void *map)",
  bpf_map__value_size: "uint32_t bpf_map__value_size(void *map)",
  bpf_map__max_entries: "uint32_t bpf_map__max_entries(void *map)",
  bpf_map__map_flags: "uint32_t bpf_map__map_flags(void *map)",
  bpf_map__btf_key_type_id: "uint32_t bpf_map__btf_key_type_id(void *map)",
  bpf_map__btf_value_type_id: "uint32_t bpf_map__btf_value_type_id(void *map)",
  bpf_map__is_internal: "bool bpf_map__is_internal(void *map)",
  bpf_map__inner_map: "void *bpf_map__inner_map(void *map)",
  bpf_map__initial_value: "void *bpf_map__initial_value(void *map, void *size)",
  bpf_map__pin_path: "const char *bpf_map__pin_path(void *map)",
  bpf_map__set_pin_path: "int bpf_map__set_pin_path(void *map, const char *path)",
  bpf_map__set_autocreate: "int bpf_map__set_autocreate(void *map, bool autocreate)",
  bpf_map__reuse_fd: "int bpf_map__reuse_fd(void *map, int fd)",
  bpf_map__fd: "int bpf_map__fd(void *map)",

  btf__raw_data: "const void *btf__raw_data(void *btf, void *size)",
  bpf_btf_load: "int bpf_btf_load(const void *data, size_t size, const bpf_btf_load_opts *options)",
  bpf_btf_get_fd_by_id: "int bpf_btf_get_fd_by_id(uint32_t id)",
  libbpf_find_vmlinux_btf_id: "int libbpf_find_vmlinux_btf_id(const char *name, int attach_type)",

  bpf_map_create:
    "int bpf_map_create(int type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, const bpf_map_create_opts *options)",
  bpf_map_update_elem: "int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)",
  bpf_map_lookup_elem: "int bpf_map_lookup_elem(int fd, const void *key, void *value)",
  bpf_map_delete_elem: "int bpf_map_delete_elem(int fd, const void *key)",
  bpf_map_get_next_key: "int bpf_map_get_next_key(int fd, const void *key, void *next_key)",
  bpf_map_freeze: "int bpf_map_freeze(int fd)",
  bpf_map_lookup_batch:
    "int bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, void *count, const void *options)",
  bpf_map_update_batch: "int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *options)",
  bpf_map_delete_batch: "int bpf_map_delete_batch(int fd, const void *keys, void *count, const void *options)",

  bpf_prog_load:
    "int bpf_prog_load(int type, const char *name, const char *license, const void *insns, size_t count, const bpf_prog_load_opts *options)",
  bpf_prog_test_run_opts: "int bpf_prog_test_run_opts(int fd, _Inout_ bpf_test_run_opts *options)",
  bpf_prog_get_fd_by_id: "int bpf_prog_get_fd_by_id(uint32_t id)",

  bpf_raw_tracepoint_open: "int bpf_raw_tracepoint_open(const char *name, int program_fd)",
  bpf_link_create: "int bpf_link_create(int program_fd, int target, int attach_type, const bpf_link_create_opts *options)",
  bpf_iter_create: "int bpf_iter_create(int link_fd)",
  bpf_link_update: "int bpf_link_update(int fd, int program_fd, const bpf_link_update_opts *options)",
  bpf_link_detach: "int bpf_link_detach(int fd)",
  bpf_link_get_next_id: "int bpf_link_get_next_id(uint32_t id, void *next)",
  bpf_link_get_fd_by_id: "int bpf_link_get_fd_by_id(uint32_t id)",

  bpf_program__attach: "void *bpf_program__attach(void *program)",
  bpf_link__destroy: "int bpf_link__destroy(void *link)",
  ring_buffer__new: "void *ring_buffer__new(int map_fd, void *sample_cb, void *ctx, const void *options)",
  ring_buffer__consume: "int ring_buffer__consume(void *buffer)",
  ring_buffer__epoll_fd: "int ring_buffer__epoll_fd(const void *buffer)",
  ring_buffer__free: "void ring_buffer__free(void *buffer)",

  bpf_obj_pin: "int bpf_obj_pin(int fd, const char *path)",
  bpf_obj_get: "int bpf_obj_get(const char *path)",
  bpf_obj_get_info_by_fd: "int bpf_obj_get_info_by_fd(int fd, void *info, void *length)",
};
