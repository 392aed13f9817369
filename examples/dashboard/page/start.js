import init from "/dashboard.js";

try {
  await init();
} catch (error) {
  const loading = document.getElementById("loading");
  if (loading) loading.textContent = `The page can't be shown: ${error.message}`;
  throw error;
}
