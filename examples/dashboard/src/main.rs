//! In the browser the page; elsewhere the program that serves it, until Ctrl-C.

#[cfg(not(target_arch = "wasm32"))]
mod program;

#[cfg(target_arch = "wasm32")]
fn main() {
    dashboard::page::mount();
}

#[cfg(not(target_arch = "wasm32"))]
#[tokio::main]
async fn main() -> std::process::ExitCode {
    program::run().await
}
