// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { libbpf } from "../libbpf-ffi/library.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { keepingFd, readInfo, withFd, withFdAsync } from "./fds.ts";

/** Ids of BTF that this process has loaded, by digest: the maps of an object share one copy as long as any of them lives. */
const loadedIds = new Map<string, number>();

/** Lends an fd of `btf`, loaded if it is not there any more, to `use`; null, without calling it, when the kernel refuses the BTF. */
export function withBtf<Result>(btf: Uint8Array, use: (fd: number) => Result): Result | null {
  const fd = openBtf(btf);
  return fd === null ? null : withFd(fd, use);
}

/** Like withBtf(), for work that goes on after the call. `use` gets 0 when there is no BTF or the kernel refuses it. */
export async function withBtfAsync<Result>(btf: Uint8Array | null, use: (fd: number) => Promise<Result>): Promise<Result> {
  const fd = btf === null ? null : openBtf(btf);
  return fd === null ? use(0) : withFdAsync(fd, use);
}

function openBtf(btf: Uint8Array): number | null {
  const digest = createHash("sha256").update(btf).digest("hex");
  return reopen(digest) ?? load(btf, digest);
}

function reopen(digest: string): number | null {
  const id = loadedIds.get(digest);
  const fd = id === undefined ? -1 : libbpf().bpf_btf_get_fd_by_id(id);
  if (fd >= 0) return fd;
  loadedIds.delete(digest);
  return null;
}

function load(btf: Uint8Array, digest: string): number | null {
  const fd = libbpf().bpf_btf_load(btf, btf.length, { sz: sizes.btfLoadOptions });
  if (fd < 0) return null;
  return keepingFd(fd, () => {
    // struct bpf_btf_info: btf, btf_size, id.
    const info = readInfo(fd, 16, { call: "BPF_OBJ_GET_INFO_BY_FD", action: "Cannot read the id of BTF" });
    loadedIds.set(digest, info.readUInt32LE(12));
    return fd;
  });
}
