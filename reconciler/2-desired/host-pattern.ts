// SPDX-License-Identifier: Apache-2.0

/** Whether a host name fits a pattern of `hosts:`: "*" stands for any characters, "?" for one, case does not matter. */
export function hostFits(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase();
  const name = host.toLowerCase();
  let at = 0;
  let patternAt = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    if (wanted[patternAt] === "*") {
      star = patternAt++;
      starAt = at;
    } else if (wanted[patternAt] === "?" || wanted[patternAt] === name[at]) {
      patternAt++;
      at++;
    } else if (star !== -1) {
      // The last star takes one character more; earlier ones never need to.
      patternAt = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (wanted[patternAt] === "*") patternAt++;
  return patternAt === wanted.length;
}
