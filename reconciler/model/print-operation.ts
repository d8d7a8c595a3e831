// SPDX-License-Identifier: Apache-2.0
import { hookName } from "./hook.ts";
import type { Operation } from "./operation.ts";

/** An operation in words, for errors and progress: "switch eth0/xdp to 9be07d01c2d3e4f5". */
export function printOperation(operation: Operation): string {
  switch (operation.kind) {
    case "create-map":
      return `create map ${operation.pin}`;
    case "remove-map":
      return `remove map ${operation.pin}`;
    case "write-map":
      return `write ${countKeys(operation.puts.count + operation.deletes.count)} of map ${operation.pin}`;
    case "copy-map":
      return `copy map ${operation.from} to ${operation.to}`;
    case "forget-copy":
      return `forget the copy at ${operation.to}`;
    case "load":
      return `load generation ${operation.generation.id} of ${hookName(operation.generation.hook)}`;
    case "unload":
      return `unload generation ${operation.generation.id} of ${hookName(operation.generation.hook)}`;
    case "attach":
      return `attach the chain of ${hookName(operation.at)}`;
    case "detach":
      return `detach the chain of ${hookName(operation.at)}`;
    case "switch":
      return `switch ${hookName(operation.at)} to ${operation.to?.split("/").at(-1) ?? "what it was"}`;
  }
}

function countKeys(count: number): string {
  return count === 1 ? "1 key" : `${count} keys`;
}
