// SPDX-License-Identifier: Apache-2.0

/** enum bpf_cmd, as far as it is called without libbpf. */
export const bpfCommand = { objectPin: 6, objectGet: 7, programQuery: 16 } as const;

/** enum bpf_prog_type. */
export const programType = { schedCls: 3, schedAct: 4, xdp: 6, rawTracepoint: 17, tracing: 26 } as const;

/** enum bpf_attach_type. */
export const attachType = { iterator: 28, xdpDevmap: 33, xdpCpumap: 35, xdp: 37, tcxIngress: 46, tcxEgress: 47 } as const;

/** enum bpf_link_type. */
export const linkType = { xdp: 6, tcx: 11 } as const;

/** Flags of BPF_MAP_CREATE. */
export const mapFlag = { noPreallocation: 1 << 0, readOnlyProgram: 1 << 7, mmapable: 1 << 10 } as const;

/** Flags of BPF_PROG_LOAD. */
export const programFlag = { xdpHasFrags: 1 << 5 } as const;

/** Flags of BPF_LINK_CREATE for XDP (<linux/if_link.h>). */
export const xdpFlag = { skbMode: 1 << 1, driverMode: 1 << 2 } as const;

/** BPF_F_REPLACE of BPF_LINK_UPDATE. */
export const linkReplace = 1 << 2;

/** Bits of the verifier's log level. */
export const logLevel = { instructions: 1, statistics: 4 } as const;

/** XDP_ATTACHED_*. */
export const xdpAttached = { none: 0, driver: 1, skb: 2, hardware: 3, several: 4 } as const;
