// SPDX-License-Identifier: Apache-2.0
export * from "../../bpf/packets/layers.ts";
