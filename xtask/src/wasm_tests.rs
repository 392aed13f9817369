//! The browser client's tests, against a hub and a scripted server of our own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use sse_test_support::{hub::Hub, process::Process};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    native,
    wasm_runner::{self, HUB, SCRIPTS},
};

/// Runs them in each browser, against a hub that allows their page.
pub(crate) fn run(context: &Context) -> Result<()> {
    let (driver, firefox) = (context.chromedriver()?, context.geckodriver()?);
    let programs = native::programs(context)?;
    // The tests' page is served from here, which makes it a foreign origin to the hub.
    let page = format!("127.0.0.1:{}", free_port()?);
    let origin = format!("http://{page}");
    let mut hub = Hub::at(&programs.hub).command(&[("SSE__CORS__ORIGINS", &origin)]);
    let hub = start(hub.args(["--listen", "127.0.0.1:0"]))?;
    // Every page may ask this one.
    let scripts = start(&mut Command::new(&programs.scripts))?;

    let address = [page, hub.url(), scripts.url()];
    run_in(context, ("CHROMEDRIVER", driver), &address)?;
    match firefox {
        Some(driver) => run_in(context, ("GECKODRIVER", driver), &address),
        None => Ok(()),
    }
}

/// Runs the tests in the browser of this driver.
fn run_in(context: &Context, driver: (&str, &Path), [page, hub, scripts]: &[String; 3]) -> Result<()> {
    let mut test = wasm_runner::cargo(context, driver)?;
    test.env("WASM_BINDGEN_TEST_ADDRESS", page).env(HUB, hub).env(SCRIPTS, scripts);
    let (variable, driver) = (driver.0, driver.1.display());
    println!("{variable}={driver} {HUB}={hub} {SCRIPTS}={scripts} {}", command::line(&test));
    command::run(&mut test)
}

fn start(server: &mut Command) -> Result<Process> {
    println!("{}", command::line(server));
    Process::start(server).map_err(Failure::new)
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::new(format!("no port is free on 127.0.0.1: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().expect("a port is free");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("and stays free");
    }
}
