// SPDX-License-Identifier: Apache-2.0

/** An address in this process: of a C structure, or of a registered callback. Null is NULL. */
export type Pointer = bigint | null;

/** Memory that a call reads or writes in place; it must live until an `.async` call has come back. */
export type Memory = Uint8Array | Uint32Array | null;

/** Members of an options structure; `sz` is the size of the C structure, the rest is zero when not given. */
export type Options = { readonly sz: number } & Readonly<Record<string, number | bigint | string | Memory>>;

/**
 * The part of libbpf's interface that is bound, with C types turned into these: fds and errors are numbers (a negative result is
 * -errno), pointers are bigint, buffers are typed arrays. One line per function, in the order of libbpf's own headers.
 */
export interface LibbpfFunctions {
  libbpf_version_string(): string;
  libbpf_set_print(print: Pointer): Pointer;
  libbpf_num_possible_cpus(): number;
  libbpf_register_prog_handler(section: string, programType: number, attachType: number, options: Options): number;
  libbpf_unregister_prog_handler(handler: number): number;

  bpf_object__open_mem(elf: Uint8Array, size: number, options: Options): Pointer;
  bpf_object__load(object: Pointer): number;
  bpf_object__close(object: Pointer): void;
  bpf_object__btf(object: Pointer): Pointer;
  bpf_object__next_program(object: Pointer, previous: Pointer): Pointer;
  bpf_object__next_map(object: Pointer, previous: Pointer): Pointer;

  bpf_program__name(program: Pointer): string;
  bpf_program__section_name(program: Pointer): string;
  bpf_program__set_autoload(program: Pointer, autoload: boolean): number;
  bpf_program__insns(program: Pointer): Pointer;
  bpf_program__insn_cnt(program: Pointer): number;

  bpf_map__name(map: Pointer): string;
  bpf_map__type(map: Pointer): number;
  bpf_map__key_size(map: Pointer): number;
  bpf_map__value_size(map: Pointer): number;
  bpf_map__max_entries(map: Pointer): number;
  bpf_map__map_flags(map: Pointer): number;
  bpf_map__btf_key_type_id(map: Pointer): number;
  bpf_map__btf_value_type_id(map: Pointer): number;
  bpf_map__is_internal(map: Pointer): boolean;
  bpf_map__inner_map(map: Pointer): Pointer;
  bpf_map__initial_value(map: Pointer, size: BigUint64Array): Pointer;
  bpf_map__pin_path(map: Pointer): string | null;
  bpf_map__set_pin_path(map: Pointer, path: string | null): number;
  bpf_map__set_autocreate(map: Pointer, autocreate: boolean): number;
  bpf_map__reuse_fd(map: Pointer, fd: number): number;
  bpf_map__fd(map: Pointer): number;

  btf__raw_data(btf: Pointer, size: Uint32Array): Pointer;
  bpf_btf_load(data: Uint8Array, size: number, options: Options): number;
  bpf_btf_get_fd_by_id(id: number): number;
  libbpf_find_vmlinux_btf_id(name: string, attachType: number): number;

  bpf_map_create(type: number, name: string, keySize: number, valueSize: number, maxEntries: number, options: Options): number;
  bpf_map_update_elem(fd: number, key: Memory, value: Memory, flags: number): number;
  bpf_map_lookup_elem(fd: number, key: Memory, value: Memory): number;
  bpf_map_delete_elem(fd: number, key: Memory): number;
  bpf_map_get_next_key(fd: number, key: Memory, nextKey: Memory): number;
  bpf_map_freeze(fd: number): number;
  bpf_map_lookup_batch(fd: number, from: Memory, next: Memory, keys: Memory, values: Memory, count: Uint32Array, options: null): number;
  bpf_map_update_batch(fd: number, keys: Memory, values: Memory, count: Uint32Array, options: null): number;
  bpf_map_delete_batch(fd: number, keys: Memory, count: Uint32Array, options: null): number;

  bpf_prog_load(type: number, name: string, license: string, insns: Uint8Array, count: number, options: Options): number;
  bpf_prog_test_run_opts(fd: number, options: Options & Record<string, unknown>): number;
  bpf_prog_get_fd_by_id(id: number): number;

  bpf_raw_tracepoint_open(name: string, programFd: number): number;
  bpf_link_create(programFd: number, target: number, attachType: number, options: Options): number;
  bpf_iter_create(linkFd: number): number;
  bpf_link_update(fd: number, programFd: number, options: Options): number;
  bpf_link_detach(fd: number): number;
  bpf_link_get_next_id(id: number, next: Uint32Array): number;
  bpf_link_get_fd_by_id(id: number): number;

  bpf_program__attach(program: Pointer): Pointer;
  bpf_link__destroy(link: Pointer): number;
  ring_buffer__new(mapFd: number, callback: Pointer, context: null, options: null): Pointer;
  ring_buffer__consume(buffer: Pointer): number;
  ring_buffer__epoll_fd(buffer: Pointer): number;
  ring_buffer__free(buffer: Pointer): void;

  bpf_obj_pin(fd: number, path: string): number;
  bpf_obj_get(path: string): number;
  bpf_obj_get_info_by_fd(fd: number, info: Uint8Array, length: Uint32Array): number;
}
