// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

/*
 * The option structures of libbpf that we pass. Each starts with its own size (`sz`), by which an older or newer library knows
 * which members exist; the padding bytes of the C structures must be zero, and koffi's are.
 */

const size = { sz: "size_t" };

/** struct bpf_object_open_opts, up to the last member we set. */
const openOptions = koffi.struct("bpf_object_open_opts", { ...size, object_name: "const char *" });

/** struct bpf_map_create_opts of libbpf 1.0. */
const mapCreateOptions = koffi.struct("bpf_map_create_opts", {
  ...size,
  btf_fd: "uint32_t",
  btf_key_type_id: "uint32_t",
  btf_value_type_id: "uint32_t",
  btf_vmlinux_value_type_id: "uint32_t",
  inner_map_fd: "uint32_t",
  map_flags: "uint32_t",
  map_extra: "uint64_t",
  numa_node: "uint32_t",
  map_ifindex: "uint32_t",
});

/** struct bpf_prog_load_opts of libbpf 1.0. */
export const programLoadOptions = koffi.struct("bpf_prog_load_opts", {
  ...size,
  attempts: "int",
  expected_attach_type: "int",
  prog_btf_fd: "uint32_t",
  prog_flags: "uint32_t",
  prog_ifindex: "uint32_t",
  kern_version: "uint32_t",
  attach_btf_id: "uint32_t",
  attach_prog_fd: "uint32_t",
  attach_btf_obj_fd: "uint32_t",
  fd_array: "const void *",
  func_info: "const void *",
  func_info_cnt: "uint32_t",
  func_info_rec_size: "uint32_t",
  line_info: "const void *",
  line_info_cnt: "uint32_t",
  line_info_rec_size: "uint32_t",
  log_level: "uint32_t",
  log_size: "uint32_t",
  log_buf: "void *",
});

/** struct bpf_btf_load_opts. */
const btfLoadOptions = koffi.struct("bpf_btf_load_opts", {
  ...size,
  log_buf: "void *",
  log_level: "uint32_t",
  log_size: "uint32_t",
});

/** struct bpf_link_create_opts, up to `target_btf_id`. */
const linkCreateOptions = koffi.struct("bpf_link_create_opts", {
  ...size,
  flags: "uint32_t",
  iter_info: "const void *",
  iter_info_len: "uint32_t",
  target_btf_id: "uint32_t",
});

/** struct bpf_link_update_opts. */
const linkUpdateOptions = koffi.struct("bpf_link_update_opts", { ...size, flags: "uint32_t", old_prog_fd: "uint32_t" });

/** struct bpf_test_run_opts. */
const testRunOptions = koffi.struct("bpf_test_run_opts", {
  ...size,
  data_in: "const void *",
  data_out: "void *",
  data_size_in: "uint32_t",
  data_size_out: "uint32_t",
  ctx_in: "const void *",
  ctx_out: "void *",
  ctx_size_in: "uint32_t",
  ctx_size_out: "uint32_t",
  retval: "uint32_t",
  repeat: "int",
  duration: "uint32_t",
  flags: "uint32_t",
  cpu: "uint32_t",
  batch_size: "uint32_t",
});

/** struct libbpf_prog_handler_opts. */
const programHandlerOptions = koffi.struct("libbpf_prog_handler_opts", {
  ...size,
  cookie: "long",
  prog_setup_fn: "void *",
  prog_prepare_load_fn: "void *",
  prog_attach_fn: "void *",
});

/** int (*)(struct bpf_program *, struct bpf_prog_load_opts *, long): sees a program, complete, just before it is loaded. */
export const prepareLoadCallback = koffi.proto("int libbpf_prog_prepare_load_fn(void *program, void *options, long cookie)");

/** int (*)(enum libbpf_print_level, const char *, va_list). A va_list argument is a pointer in the ABIs of x86-64 and arm64. */
export const printCallback = koffi.proto("int libbpf_print_fn(int level, const char *format, void *arguments)");

/** int (*)(void *, void *, size_t): one record of a ring buffer, valid until it returns. */
export const ringBufferCallback = koffi.proto("int ring_buffer_sample_fn(void *context, void *data, size_t size)");

/** What `sz` must say. */
export const sizes = {
  openOptions: koffi.sizeof(openOptions),
  mapCreateOptions: koffi.sizeof(mapCreateOptions),
  programLoadOptions: koffi.sizeof(programLoadOptions),
  btfLoadOptions: koffi.sizeof(btfLoadOptions),
  linkCreateOptions: koffi.sizeof(linkCreateOptions),
  linkUpdateOptions: koffi.sizeof(linkUpdateOptions),
  testRunOptions: koffi.sizeof(testRunOptions),
  programHandlerOptions: koffi.sizeof(programHandlerOptions),
} as const;
