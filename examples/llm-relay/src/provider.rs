//! A provider of answers, asked as OpenAI's is: `POST …/chat/completions` with `"stream": true`.

use std::{net::SocketAddr, time::Duration};

use axum::http::header;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use serde_json::json;
use sse_core::{Item, Parser};

use crate::options::Options;

/// How long it may say nothing: some think before they speak.
const SILENCE: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Provider {
    http: Client,
    url: Url,
    /// It answers the same prompt by the same text.
    pub(crate) repeats: bool,
    model: String,
    key: Option<String>,
}

/// An answer that is being given.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response,
    parser: Parser,
}

/// What came of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) tokens: Vec<String>,
    /// It is whole.
    pub(crate) done: bool,
}

/// Why there is no answer, or not all of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) why: String,
    /// It may be otherwise the next time.
    pub(crate) passes: bool,
}

impl Provider {
    pub(crate) fn new(options: &Options, own: SocketAddr) -> Result<Self, reqwest::Error> {
        let own = || format!("http://127.0.0.1:{}/v1/", own.port()).parse().expect("it is a URL");
        let url = options.provider.clone().unwrap_or_else(own);
        let http = Client::builder().connect_timeout(Duration::from_secs(10)).read_timeout(SILENCE).build()?;
        let repeats = options.provider.is_none() || options.retry_provider;
        let (model, key) = (options.model.clone(), options.key.clone());
        Ok(Self { http, url, repeats, model, key })
    }

    /// Asks for an answer.
    pub(crate) async fn ask(&self, prompt: &str) -> Result<Answer, Trouble> {
        let url = self.url.join("chat/completions").map_err(|error| lasting(error.to_string()))?;
        let messages = [json!({ "role": "user", "content": prompt })];
        let body = json!({ "model": self.model, "stream": true, "messages": messages }).to_string();
        let mut request = self.http.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.map_err(cut)?;
        let status = response.status();
        if !status.is_success() {
            let said = response.text().await.unwrap_or_default();
            let said: String = said.trim().chars().take(300).collect();
            let passes = status.is_server_error() || [408, 429].contains(&status.as_u16());
            return Err(Trouble { why: format!("the provider answers {status}: {said}"), passes });
        }
        Ok(Answer { response, parser: Parser::new() })
    }
}

impl Answer {
    /// What comes next. It is whole only if the provider says so.
    pub(crate) async fn next(&mut self) -> Result<Part, Trouble> {
        let Some(piece) = self.response.chunk().await.map_err(cut)? else {
            return Err(Trouble { why: "the provider's answer was cut".into(), passes: true });
        };
        read(&mut self.parser, &piece)
    }
}

fn read(parser: &mut Parser, piece: &[u8]) -> Result<Part, Trouble> {
    let (mut part, mut trouble) = (Part::default(), None);
    parser.feed(piece, |item| {
        let Item::Event(event) = item else { return };
        if event.data() == "[DONE]" {
            part.done = true;
            return;
        }
        match serde_json::from_str(event.data()) {
            Ok(Chunk { error: Some(error), .. }) => trouble = Some(lasting(format!("the provider says: {error}"))),
            Ok(Chunk { choices, .. }) => {
                for choice in choices {
                    part.done |= choice.finish_reason.is_some();
                    part.tokens.extend(choice.delta.content.filter(|token| !token.is_empty()));
                }
            }
            Err(error) => trouble = Some(lasting(format!("the provider is not understood: {error}"))),
        }
    });
    trouble.map_or(Ok(part), Err)
}

/// The data of one event.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

fn cut(error: reqwest::Error) -> Trouble {
    Trouble { why: format!("the provider can't be heard: {}", error.without_url()), passes: true }
}

const fn lasting(why: String) -> Trouble {
    Trouble { why, passes: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_as_openai_and_others_write_them() {
        let mut parser = Parser::new();
        let mut next = |data: &str| read(&mut parser, format!("data: {data}\n\n").as_bytes());
        let token = |text: &str| Ok(Part { tokens: vec![text.to_owned()], done: false });
        assert_eq!(next(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#), Ok(Part::default()));
        assert_eq!(next(r#"{"choices":[{"index":0,"delta":{"content":" a"},"finish_reason":null}]}"#), token(" a"));
        assert_eq!(next(r#"{"choices":[],"usage":{"total_tokens":3}}"#), Ok(Part::default()));
        assert!(next(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#).unwrap().done);
        assert!(next("[DONE]").unwrap().done);
        let overloaded = next(r#"{"error":{"message":"overloaded"}}"#).unwrap_err();
        assert_eq!(overloaded, lasting(r#"the provider says: {"message":"overloaded"}"#.into()));
        assert!(!next("<html>").unwrap_err().passes);
    }
}
