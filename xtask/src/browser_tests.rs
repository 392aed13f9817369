//! The tests that drive browsers: `tests/browser`.

use std::{env, path::PathBuf};

use crate::{
    browsers, command, context::Context, failure::Result, native, npm, registry::Package, system::find_program,
};

/// Builds what browsers load, and drives them.
pub(crate) fn run(context: &Context) -> Result<()> {
    let (driver, firefox) = (context.chromedriver()?, context.geckodriver()?);
    let built = npm::build_for_tests(context)?;
    let programs = native::programs(context)?;
    let typescript = typescript(context);
    // Each of those that stay keeps the machine busy.
    for filter in [&["--skip", "stays::"][..], &["stays::", "--test-threads=1"]] {
        let mut test = context.workspace.cargo();
        test.args(["test", "--workspace", "--features", "sse-test-browser/browsers", "--test", "browser", "--"]);
        test.args(filter).env("CHROMEDRIVER", driver);
        if let Some(driver) = firefox {
            test.env("GECKODRIVER", driver);
        }
        test.env("SSE_TEST_NPM", &built.package).env("SSE_TEST_DASHBOARD", &built.dashboard);
        test.env("SSE_TEST_HUB_PROGRAM", &programs.hub);
        if let Some(compiler) = &typescript {
            test.env("SSE_TEST_TSC", compiler);
        }
        println!("{}", command::line(&test));
        command::run(&mut test)?;
    }
    Ok(())
}

/// The hub's page under hostile payloads for ten minutes, on a release build.
pub(crate) fn soak_page(context: &Context) -> Result<()> {
    let driver = context.chromedriver()?;
    let mut test = native::on_release(context, "browser", &["--features", "sse-test-browser/browsers"])?;
    command::run(test.args(["--ignored", "--nocapture", "hub_page::soak"]).env("CHROMEDRIVER", driver))
}

/// A compiler of TypeScript for the test of the npm package's declarations, which finds the user's own by itself.
fn typescript(context: &Context) -> Option<PathBuf> {
    let own = env::var_os("SSE_TEST_TSC").is_some() || find_program("tsc").is_some();
    if own {
        return None;
    }
    let npms = Package::TYPESCRIPT.ensure(&context.workspace, ".bin/tsc", browsers::answers);
    if npms.is_none() {
        println!("the npm package's declarations are not tried: there is no tsc, and npm can't install one");
    }
    npms
}
