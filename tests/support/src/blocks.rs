//! What holds for every stream of the hub: lines end in LF, no block lacks data, and an event of the hub's own is a JSON
//! object with an ID, unless it turns a client away.

use serde_json::Value;
use sse_testkit::TestClient;

/// The same client, for which a stream that breaks these rules is a failure.
#[must_use]
pub fn checked(client: &TestClient) -> TestClient {
    client.watch_streams(|| {
        let mut blocks = Blocks::default();
        move |piece: &[u8]| blocks.feed(piece).unwrap_or_else(|fault| panic!("{fault}"))
    })
}

/// Reads a stream as it arrives, by lines alone.
#[derive(Debug, Default)]
pub struct Blocks {
    line: Vec<u8>,
    block: Vec<String>,
}

impl Blocks {
    /// Takes the next chunk of the stream.
    ///
    /// # Errors
    ///
    /// What is wrong with the first block that breaks a rule.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), String> {
        for &byte in piece {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|error| error.to_string())?;
            if line.contains('\r') {
                return Err(format!("a line holds a CR: {line:?}"));
            }
            if line.is_empty() {
                let block = std::mem::take(&mut self.block);
                check(&block).map_err(|fault| format!("{fault}: {block:?}"))?;
            } else if !line.starts_with(':') {
                self.block.push(line);
            }
        }
        Ok(())
    }
}

fn check(block: &[String]) -> Result<(), &'static str> {
    let field = |name: &'static str| block.iter().filter_map(move |line| line.strip_prefix(name));
    let data: Vec<_> = field("data: ").collect();
    if data.is_empty() {
        return Err("a block without data");
    }
    if !field("event: ").any(|name| name.starts_with("sse-")) {
        return Ok(());
    }
    let Ok(Value::Object(data)) = serde_json::from_str(&data.join("\n")) else {
        return Err("an event of the hub's own that is no JSON object");
    };
    let turns_away = data.get("reason").is_some_and(|reason| *reason == "busy" || *reason == "shutdown");
    if field("id: ").next().is_none() && !turns_away {
        return Err("an event of the hub's own without an ID");
    }
    Ok(())
}
