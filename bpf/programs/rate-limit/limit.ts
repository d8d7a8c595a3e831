// SPDX-License-Identifier: Apache-2.0
import { fnv1a } from "../shared/fnv.ts";
import type { LimitRule, RateLimitParameters, Unit } from "./parameters.ts";

/** struct limit of the object: the numbers that the program reads for every packet. */
export interface Limit {
  readonly multiplier: bigint;
  readonly tolerance: bigint;
  readonly horizon: bigint;
  readonly allowance: bigint;
  /** Nanoseconds. */
  readonly window: bigint;
  readonly shift: number;
  readonly generation: number;
}

const second = 1_000_000_000n;
/** The object's clock counts 1/256 ns. */
const ticksPerSecond = second * 256n;
/** Keeps multiplier × bytes of the largest frame (2^20) within 64 bits. */
const multiplierLimit = 1n << 44n;
const largestFrame = 1n << 20n;
/** 1,518 bytes: a limit in bits must let one frame through at a time. */
const frameBits = 12_144n;

/** What the numbers of a rule depend on. */
export type LimitParameters = Pick<LimitRule, "limit" | "unit" | "burst"> & Pick<RateLimitParameters, "algorithm" | "window">;

/** The numbers of a limit: a limit in bits counts bytes in the kernel. */
export function limitNumbers(parameters: LimitParameters): Limit {
  const unit = parameters.unit ?? "pps";
  const perSecond = BigInt(parameters.limit);
  const window = windowNanoseconds(parameters.window ?? "1s");
  const burst = parameters.burst === undefined ? defaultBurst(perSecond, unit) : BigInt(parameters.burst);
  const { multiplier, shift } = timeOfUnit(perSecond, unit);
  const tolerance = (burst * ticksPerSecond) / perSecond;
  const bits = unit === "bps" ? 8n : 1n;
  return {
    multiplier,
    tolerance,
    horizon: tolerance + ((largestFrame * multiplier) >> BigInt(shift)) + ticksPerSecond,
    allowance: atLeastOne((perSecond * window) / (second * bits)),
    window,
    shift,
    generation: fnv1a(JSON.stringify([unit, String(perSecond), String(burst), String(window), isSliding(parameters)])),
  };
}

/** A burst of none is what a sliding window means. */
export function isSliding({ algorithm, burst }: Pick<RateLimitParameters, "algorithm" | "burst">): boolean {
  return algorithm === "sliding-window" || (burst !== undefined && BigInt(burst) === 0n);
}

/** Nanoseconds of "500ms" or "10s". */
export function windowNanoseconds(window: string): bigint {
  const amount = BigInt(Number.parseInt(window, 10));
  return window.endsWith("ms") ? amount * 1_000_000n : amount * second;
}

/** The 48 bytes of struct limit. */
export function packLimit(limit: Limit): Uint8Array {
  const bytes = new Uint8Array(48);
  const view = new DataView(bytes.buffer);
  const words = [limit.multiplier, limit.tolerance, limit.horizon, limit.allowance, limit.window];
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  view.setUint32(40, limit.shift, true);
  view.setUint32(44, limit.generation, true);
  return bytes;
}

function defaultBurst(perSecond: bigint, unit: Unit): bigint {
  const tenth = atLeastOne(perSecond / 10n);
  return unit === "bps" && tenth < frameBits ? frameBits : tenth;
}

/** Time of one packet, connection or byte as multiplier / 2^shift ticks, with as many fractional bits as fit. */
function timeOfUnit(perSecond: bigint, unit: Unit): { readonly multiplier: bigint; readonly shift: number } {
  const ticks = unit === "bps" ? ticksPerSecond * 8n : ticksPerSecond;
  let shift = 16;
  while ((ticks << BigInt(shift)) / perSecond >= multiplierLimit) shift -= 1;
  return { multiplier: (ticks << BigInt(shift)) / perSecond, shift };
}

function atLeastOne(number: bigint): bigint {
  return number < 1n ? 1n : number;
}
