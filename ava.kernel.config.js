// Kernel tests: one file after another, each in a process of its own, inside the namespaces that .ci/test.sh makes. It runs them in two
// halves, for most of them wait: SLUICE_HALF says which; all without it. The first comes after the pure tests, the second beside both.
const all = "dist/test/kernel/**/*.test.js";
const first = "dist/test/kernel/{chain,confirm,kernel,match}/**/*.test.js";
const halves = { 1: [first], 2: [all, `!${first}`] };

export default {
  files: halves[process.env.SLUICE_HALF] ?? [all],
  concurrency: 1,
  serial: true,
  workerThreads: false,
  timeout: "5m",
};
