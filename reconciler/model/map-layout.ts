// SPDX-License-Identifier: Apache-2.0
import type { FieldLayout } from "../../bpf/btf/layout.ts";

/** What the contents of a map of state mean, kept in the manifest so that a later map can take them over. */
export interface MapLayout {
  /** As bpftool prints it. */
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** describeType() of the key, or "" without BTF. */
  readonly key: string;
  /** Of the value; empty without BTF. */
  readonly fields: readonly FieldLayout[];
}

/** What becomes of state when a map's definition changes. */
export type Migrate = "copy" | "fresh" | "refuse";
