// Kernel tests: one file after another, each in a process of its own, inside the namespaces that .ci/test.sh makes. It runs them in three
// parts, for most of them wait: SLUICE_PART says which; all without it. The last runs beside the pure tests, the others come after those.
const all = "dist/test/kernel/**/*.test.js";
const first = "dist/test/kernel/{chain,cli,kernel,match,memory,programs}/**/*.test.js";
const second = "dist/test/kernel/{confirm,faults}/**/*.test.js";
const parts = { 1: [first], 2: [second], 3: [all, `!${first}`, `!${second}`] };

export default {
  files: parts[process.env.SLUICE_PART] ?? [all],
  concurrency: 1,
  serial: true,
  workerThreads: false,
  timeout: "5m",
};
