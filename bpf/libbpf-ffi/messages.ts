// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { libbpf } from "./library.ts";
import { printCallback } from "./structures.ts";

/** What a call gave back, and what libbpf printed meanwhile: warnings and information, one line each, without debug output. */
export interface Captured<Result> {
  readonly result: Result;
  readonly lines: readonly string[];
}

const longestMessage = 8192;
const debugLevel = 2;

/** Runs `call` with libbpf's messages collected instead of printed. Synchronous: libbpf has one print function per process. */
export function captureMessages<Result>(call: () => Result): Captured<Result> {
  const library = libbpf();
  const lines: string[] = [];
  const print = koffi.register((level: number, format: bigint, args: bigint) => {
    if (level < debugLevel) lines.push(formatMessage(format, args));
    return 0;
  }, koffi.pointer(printCallback));
  const previous = library.libbpf_set_print(print);
  try {
    const result = call();
    return { result, lines: lines.flatMap((line) => line.split("\n")).filter((line) => line !== "") };
  } finally {
    library.libbpf_set_print(previous);
    koffi.unregister(print);
  }
}

let vsnprintf: ReturnType<ReturnType<typeof koffi.load>["func"]> | null = null;

function formatMessage(format: bigint, args: bigint): string {
  vsnprintf ??= koffi.load("libc.so.6").func("int vsnprintf(void *text, size_t size, void *format, void *arguments)");
  const text = Buffer.alloc(longestMessage);
  const length = Math.min(vsnprintf(text, text.length, format, args) as number, text.length - 1);
  return text.toString("utf8", 0, length);
}
