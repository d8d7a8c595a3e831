// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { undoing } from "../../../reconciler/5-apply/perform.ts";
import type { CreateMap, WriteMap } from "../../../reconciler/model/operation.ts";

const none = noEntries(4, 4);
const some = packEntries([[new Uint8Array(4), new Uint8Array(4)]], 4, 4);
const create = (pin: string) => ({ kind: "create-map", pin, request: { name: "a", definition: {}, btf: null } }) as unknown as CreateMap;
const write = (pin: string): WriteMap => ({ kind: "write-map", pin, puts: some, deletes: none, before: none, absent: some });

test("undoing() goes back newest first, and empties only maps that stay", (t) => {
  const way = undoing([create("/new"), write("/new"), write("/kept")]);

  t.deepEqual(
    way.map((operation) => [operation.kind, "pin" in operation ? operation.pin : null]),
    [
      ["write-map", "/kept"],
      ["remove-map", "/new"],
    ],
  );
  t.like(way[0], { puts: none, deletes: some });
});
