// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libbpf } from "../libbpf-ffi/library.ts";

/** Whether a map is frozen. bpf_map_info does not say it; a deletion without a key is refused in any case, with EPERM only then. */
export function isFrozen(fd: number, keySize: number): boolean {
  return keySize > 0 && libbpf().bpf_map_delete_elem(fd, null) === -constants.errno.EPERM;
}
