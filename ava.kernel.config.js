// Kernel tests: one file after another, each in a process of its own, inside the namespaces that .ci/test.sh makes.
export default {
  files: ["dist/test/kernel/**/*.test.js"],
  concurrency: 1,
  serial: true,
  workerThreads: false,
  timeout: "5m",
};
