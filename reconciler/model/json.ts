// SPDX-License-Identifier: Apache-2.0

/** JSON of model values (plans, journals, snapshots of the kernel): bytes become `{"$bytes": base64}`; everything else is plain already. */
export function toJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, bytesToBase64, indent);
}

/** What toJson was given. The caller checks the shape of what comes from outside; throws SyntaxError when it is not JSON. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || !("$bytes" in value) || typeof value.$bytes !== "string") return value;
    return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  });
}

/** Reads the value from its holder: a Buffer would arrive here as what its own toJSON makes of it. */
function bytesToBase64(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  return raw instanceof Uint8Array ? { $bytes: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("base64") } : value;
}
