// SPDX-License-Identifier: Apache-2.0
import { libpcap } from "../../../bpf/match/libpcap.ts";

/** Whether libpcap's own machine for classic BPF takes a frame. */
export function offlineFilter(code: Uint8Array, frame: Uint8Array): boolean {
  return libpcap().takes(code, frame);
}
