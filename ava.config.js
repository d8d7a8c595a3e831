export default {
  files: ["dist/test/**/*.test.js", "!dist/test/kernel/**"],
  timeout: "2m",
};
