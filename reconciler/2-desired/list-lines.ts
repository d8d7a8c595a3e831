// SPDX-License-Identifier: Apache-2.0

/** Reads single lines of big files: each file's line ends are found once, when the first of its lines is asked for. */
export function lineReader(file: (path: string) => Uint8Array | null): (path: string, line: number) => string | null {
  const known = new Map<string, readonly number[]>();
  return (path, line) => {
    const bytes = file(path);
    if (bytes === null) return null;
    const starts = known.get(path) ?? lineStarts(bytes);
    known.set(path, starts);
    const start = starts[line - 1];
    if (start === undefined) return null;
    const end = starts[line] ?? bytes.length + 1;
    return new TextDecoder().decode(bytes.subarray(start, Math.min(end - 1, start + longestLine))).replace(/\r$/, "");
  };
}

const longestLine = 400;

function lineStarts(bytes: Uint8Array): readonly number[] {
  const starts = [0];
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) starts.push(at + 1);
  return starts;
}
