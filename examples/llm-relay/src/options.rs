//! What the program is told.

use std::{env, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use reqwest::Url;

/// What a relay is told.
#[derive(Debug, Clone, Parser)]
#[command(about = "A language model's answer, poured into a hub as it is made")]
pub struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8050")]
    pub listen: SocketAddr,
    /// The hub, as this program and the page reach it
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = base)]
    pub hub: Url,
    /// What speaks OpenAI's chat completions, such as http://127.0.0.1:11434/v1; one that is made up, if not given
    #[arg(long, value_name = "URL", value_parser = base)]
    pub provider: Option<Url>,
    /// Its key, if it wants one
    #[arg(long, env = "LLM_RELAY_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// The model
    #[arg(long, default_value = "made-up")]
    pub model: String,
    /// Asks the provider again if it was cut: for those that answer the same prompt by the same text
    #[arg(long)]
    pub retry_provider: bool,
    /// How long the provider that is made up takes for a token
    #[arg(long, value_name = "TIME", default_value = "40ms", value_parser = humantime::parse_duration)]
    pub delay: Duration,
    /// Where the journals of the runs are that the hub does not have whole yet
    #[arg(long, value_name = "DIR", default_value = "llm-relay-data")]
    pub data: PathBuf,
    /// The npm package, by default where `cargo xtask wasm` leaves it
    #[arg(long, value_name = "DIR", default_value_os_t = built(), hide_default_value = true)]
    pub package: PathBuf,
}

/// A URL to whose path something can be joined.
fn base(text: &str) -> Result<Url, String> {
    let url: Url = format!("{}/", text.trim_end_matches('/')).parse().map_err(|error| format!("{error}"))?;
    match url.scheme() {
        "http" if url.query().is_none() && url.fragment().is_none() => Ok(url),
        "https" => Err("only http:// is spoken here: build reqwest with a feature for TLS, or name a proxy".into()),
        _ => Err("give a URL such as http://127.0.0.1:8080".into()),
    }
}

/// `target/npm/sse-wasm-client`, wherever that is: this program lies in `target/release` or the like.
fn built() -> PathBuf {
    let target = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.to_owned()));
    target.unwrap_or_else(|| "target".into()).join("npm/sse-wasm-client")
}
