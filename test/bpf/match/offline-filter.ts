// SPDX-License-Identifier: Apache-2.0
import { filterProgram, loadLibpcap } from "../../../bpf/match/libpcap.ts";

const run: (program: Uint8Array, header: Uint8Array, packet: Uint8Array) => number = loadLibpcap().func(
  "int pcap_offline_filter(void *program, void *header, const void *packet)",
);

/** Whether libpcap's own machine for classic BPF takes a frame. */
export function offlineFilter(code: Uint8Array, frame: Uint8Array): boolean {
  // struct pcap_pkthdr: a time, bytes captured, bytes of the packet.
  const header = Buffer.alloc(24);
  header.writeUInt32LE(frame.length, 16);
  header.writeUInt32LE(frame.length, 20);
  return run(filterProgram(code), header, frame) !== 0;
}
