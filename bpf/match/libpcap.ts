// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { addressOf, copyMemory } from "../libbpf-ffi/memory.ts";

/** libpcap cannot be used on this machine: it is not installed. */
export class LibpcapMissing extends Error {
  override readonly name = "LibpcapMissing";
}

/** What Sluice asks libpcap for: no interface is opened, no privilege needed. */
export interface Libpcap {
  /** "1.10.3". */
  readonly version: string;
  /**
   * Compiles a filter expression for Ethernet frames to struct bpf_insn after struct bpf_insn, or says why it does not. To optimise it can
   * take seconds for thousands of instructions, with nothing to stop it.
   */
  compile(expression: string, optimise: boolean): CompiledFilter | RefusedFilter;
  /** Whether compiled code takes a frame, by libpcap's own machine. */
  takes(code: Uint8Array, frame: Uint8Array): boolean;
}

export interface CompiledFilter {
  readonly kind: "compiled";
  readonly bytes: Uint8Array;
}

export interface RefusedFilter {
  readonly kind: "refused";
  /** libpcap's own words. */
  readonly message: string;
}

const ethernet = 1;
/** The longest packet that anybody captures: what a match returns. */
const snapshotLength = 262_144;
const noNetmask = 0xffffffff;

let opened: Libpcap | null = null;

/** Opens libpcap on first use and keeps it. Throws LibpcapMissing. */
export function libpcap(): Libpcap {
  opened ??= openLibpcap();
  return opened;
}

function openLibpcap(): Libpcap {
  const library = loadLibpcap();
  const open: (linkType: number, length: number) => bigint | null = library.func("void *pcap_open_dead(int linktype, int snaplen)");
  const compile: (handle: bigint, program: Uint8Array, text: string, optimise: number, netmask: number) => number = library.func(
    "int pcap_compile(void *handle, void *program, const char *text, int optimise, uint32_t netmask)",
  );
  const lastError: (handle: bigint) => string = library.func("const char *pcap_geterr(void *handle)");
  const free: (program: Uint8Array) => void = library.func("void pcap_freecode(void *program)");
  const close: (handle: bigint) => void = library.func("void pcap_close(void *handle)");
  const run: (program: Uint8Array, header: Uint8Array, frame: Uint8Array) => number = library.func(
    "int pcap_offline_filter(void *program, const void *header, const void *frame)",
  );
  const version: () => string = library.func("const char *pcap_lib_version()");
  return {
    version: /version (\S+)/.exec(version())?.[1] ?? version(),
    compile(expression, optimise) {
      const handle = open(ethernet, snapshotLength);
      if (handle === null) throw new Error("Cannot open libpcap: it has no memory");
      try {
        const program = filterProgram();
        if (compile(handle, program, expression, optimise ? 1 : 0, noNetmask) !== 0) return { kind: "refused", message: lastError(handle) };
        try {
          return { kind: "compiled", bytes: instructionsOf(program) };
        } finally {
          free(program);
        }
      } finally {
        close(handle);
      }
    },
    takes: (code, frame) => run(filterProgram(code), frameHeader(frame.length), frame) !== 0,
  };
}

/** The shared library, by the names that distributions give it. Throws LibpcapMissing. */
function loadLibpcap(): ReturnType<typeof koffi.load> {
  const tried: unknown[] = [];
  for (const file of ["libpcap.so.1", "libpcap.so.0.8"]) {
    try {
      return koffi.load(file);
    } catch (error) {
      tried.push(error);
    }
  }
  throw new LibpcapMissing(
    'Cannot open libpcap.so.1, which "match" needs: install libpcap ("apt-get install libpcap0.8" on Debian and Ubuntu, "dnf install libpcap" on Fedora)',
    { cause: new AggregateError(tried) },
  );
}

/** struct bpf_program: how many instructions, and where they are. `bytes` have to stay referenced. */
function filterProgram(bytes?: Uint8Array): Uint8Array {
  const program = Buffer.alloc(16);
  if (bytes === undefined) return program;
  program.writeUInt32LE(bytes.length / 8, 0);
  program.writeBigUInt64LE(addressOf(bytes), 8);
  return program;
}

/** struct pcap_pkthdr: a time, how many bytes are there, and how many the frame had. */
function frameHeader(length: number): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(length, 16);
  header.writeUInt32LE(length, 20);
  return header;
}

function instructionsOf(program: Uint8Array): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset);
  return copyMemory(view.getBigUint64(8, true), view.getUint32(0, true) * 8);
}
