// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** Time that nobody can set and that counts while the machine sleeps. */
export interface BootClock {
  /** Milliseconds of CLOCK_BOOTTIME. */
  now(): number;
  /** Which boot they are counted from. */
  boot(): string;
}

/** The real one; /proc/uptime has hundredths of a second. */
export const systemBootClock: BootClock = {
  now: () => Math.round(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000),
  boot: () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
};
