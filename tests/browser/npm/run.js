// Runs what the files before have added, one after another.

const results = {};
for (const [name, test] of Object.entries(tests)) {
  results[name] = await within(test()).then(() => null, error => `${error.message}\n${error.stack}`);
}
return results;
