// SPDX-License-Identifier: Apache-2.0

/** A format of bpf_trace_printk with its values: %d %i %u %x %X %c %p with l and ll; other conversions print the value as hex. */
export function formatTrace(format: string, values: readonly bigint[]): string {
  let next = 0;
  return format.replace(/%(?:%|0?[0-9]*(l{0,2})([a-zA-Z]))/g, (match, long: string | undefined, conversion: string | undefined) => {
    if (match === "%%") return "%";
    const value = values[next++] ?? 0n;
    return formatValue(value, long === "" ? 32 : 64, conversion as string);
  });
}

function formatValue(value: bigint, bits: number, conversion: string): string {
  switch (conversion) {
    case "d":
    case "i":
      return String(BigInt.asIntN(bits, value));
    case "u":
      return String(BigInt.asUintN(bits, value));
    case "x":
      return BigInt.asUintN(bits, value).toString(16);
    case "X":
      return BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case "c":
      return String.fromCharCode(Number(value & 0xffn));
    default:
      return `0x${value.toString(16)}`;
  }
}
