//! A provider that is made up: it answers the same prompt by the same text.

use std::{
    convert::Infallible,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use sse_core::Event;
use tokio::time::sleep;

/// How many sentences an answer has.
const SENTENCES: usize = 12;

const WHO: [&str; 5] = ["A river", "The clock in the hall", "Nobody I know", "Every second letter", "The café’s cat"];
const DOES: [&str; 5] = ["keeps", "remembers", "has never counted", "would rather draw", "waits for"];
const WHAT: [&str; 5] = ["the rain", "its own name", "what was said before", "three blue boats", "the end of the line"];
const HOW: [&str; 4] = ["", ", of course", ", word for word", ", however often you ask"];

#[derive(Deserialize)]
struct Asked {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

/// The tokens of the answer to a prompt.
#[must_use]
pub fn answer(prompt: &str) -> Vec<String> {
    let mut text = format!("You say: “{}”.\n\n", prompt.trim());
    let mut dice = BuildHasherDefault::<DefaultHasher>::default().hash_one(prompt);
    let mut pick = |words: &[&'static str]| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words[(dice >> 33) as usize % words.len()]
    };
    for sentence in 1..=SENTENCES {
        let end = if sentence % 4 == 0 && sentence < SENTENCES { ".\n\n" } else { ". " };
        for part in [pick(&WHO), " ", pick(&DOES), " ", pick(&WHAT), pick(&HOW), end] {
            text.push_str(part);
        }
    }
    tokens(text.trim_end())
}

/// Pieces of at most six characters that begin at spaces, much as a model's.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut length = 0;
    for character in text.chars() {
        if length == 6 || (character == ' ' && length > 0) {
            tokens.push(String::new());
            length = 0;
        }
        length += 1;
        if let Some(token) = tokens.last_mut() {
            token.push(character);
        }
    }
    tokens
}

/// `POST /v1/chat/completions`, with this delay before each token.
pub(crate) fn complete(body: &[u8], delay: Duration) -> Response {
    let Ok(Asked { messages }) = serde_json::from_slice(body) else {
        return (StatusCode::BAD_REQUEST, "it takes {\"messages\":[{\"content\":…}]}\n").into_response();
    };
    let prompt = messages.last().map_or("", |message| &message.content);
    let chunk = |token| json!({ "choices": [{ "index": 0, "delta": { "content": token } }] }).to_string();
    let chunks = answer(prompt).into_iter().map(chunk).chain(["[DONE]".to_owned()]);
    let stream = stream::iter(chunks).then(move |data| async move {
        sleep(delay).await;
        Ok::<_, Infallible>(Event::message(data).to_bytes())
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_prompt_has_the_same_answer_and_another_has_another() {
        let text = answer("tea?").concat();
        assert_eq!(answer("tea?").concat(), text);
        assert!(text.starts_with("You say: “tea?”.\n\n"), "{text}");
        assert_ne!(answer("coffee?").concat().lines().last(), text.lines().last());
        assert!(answer("tea?").len() > 60);
        assert!(answer("tea?").iter().any(|token| token.starts_with(' ')));
    }
}
