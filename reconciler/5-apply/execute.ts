// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Operation } from "../model/operation.ts";
import { generationPins } from "../model/pins.ts";
import { copyMap } from "./copy-map.ts";
import { loadGeneration } from "./load-generation.ts";
import type { Objects } from "./step-requests.ts";

/** Performs one operation. Doing it again is harmless, so a journal can be replayed from its start. */
export async function execute(kernel: Kernel, objects: Objects, operation: Operation): Promise<void> {
  switch (operation.kind) {
    case "create-map":
      return kernel.createMap(operation.pin, operation.request);
    case "remove-map":
      return kernel.unpin([operation.pin]);
    case "write-map":
      return kernel.writeMap(operation.pin, operation.puts, operation.deletes);
    case "copy-map":
      return copyMap(kernel, operation);
    case "forget-copy":
      return;
    case "load":
      return loadGeneration(kernel, objects, operation);
    case "unload":
      return kernel.unpin(generationPins(operation.pin, operation.generation.steps));
    case "attach":
      if (operation.generation === null) return;
      return kernel.attach(operation.link, {
        device: operation.at.interface,
        hook: operation.at.kind,
        program: `${operation.generation}/program`,
        mode: operation.mode,
      });
    case "detach":
      return kernel.detach(operation.link);
    case "switch":
      if (operation.to === null) return;
      return kernel.switchLink(operation.link, operation.from === null ? null : `${operation.from}/program`, `${operation.to}/program`);
  }
}
