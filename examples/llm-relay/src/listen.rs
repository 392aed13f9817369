//! From the provider into the journal.

use std::{io, time::Duration};

use tokio::{sync::Notify, time::sleep};

use crate::{
    journal::{Journal, Line},
    provider::{Answer, Provider, Trouble},
};

/// How often the provider is asked in vain, one after the other, and the wait after that.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_secs(1);

/// Listens until the run is over: the answer is whole, it was stopped, or no more of it can be had.
pub(crate) async fn listen(provider: &Provider, journal: &mut Journal, stop: &Notify) -> io::Result<()> {
    let mut why = "the relay was killed in the middle of it".to_owned();
    let mut in_vain = 0;
    while !journal.is_over() {
        let had = journal.text.len();
        let end = if had > 0 && !provider.repeats {
            Ok(Line::Failed(why.clone())) // another answer would be another text
        } else {
            hear(provider, journal, stop).await?
        };
        match end {
            Ok(line) => journal.write(vec![line]).await?,
            Err(trouble) => {
                in_vain = if journal.text.len() > had { 0 } else { in_vain + 1 };
                why = trouble.why;
                if !trouble.passes || in_vain == TRIES {
                    journal.write(vec![Line::Failed(why.clone())]).await?;
                } else if heed(stop, sleep(WAIT)).await.is_none() {
                    journal.write(vec![Line::Stopped]).await?;
                }
            }
        }
    }
    Ok(())
}

/// Hears one answer, and passes over what the journal has of an earlier one. Gives how the run ends.
async fn hear(provider: &Provider, journal: &mut Journal, stop: &Notify) -> io::Result<Result<Line, Trouble>> {
    let earlier = journal.text.clone();
    let mut had = earlier.as_str();
    let mut answer: Answer = match heed(stop, provider.ask(&journal.prompt)).await {
        None => return Ok(Ok(Line::Stopped)),
        Some(Err(trouble)) => return Ok(Err(trouble)),
        Some(Ok(answer)) => answer,
    };
    loop {
        let part = match heed(stop, answer.next()).await {
            None => return Ok(Ok(Line::Stopped)),
            Some(Err(trouble)) => return Ok(Err(trouble)),
            Some(Ok(part)) => part,
        };
        let mut lines = Vec::new();
        for token in &part.tokens {
            match unheard(&mut had, token) {
                Some("") => {}
                Some(rest) => lines.push(Line::Token(rest.to_owned())),
                None => return Ok(Ok(another())),
            }
        }
        if !lines.is_empty() {
            journal.write(lines).await?;
        }
        if part.done {
            return Ok(Ok(if had.is_empty() { Line::Done } else { another() }));
        }
    }
}

fn another() -> Line {
    Line::Failed("the answer was cut, and the provider's next one was another".into())
}

/// What of `token` was not `had` already, or `None` if something else was.
fn unheard<'a>(had: &mut &str, token: &'a str) -> Option<&'a str> {
    let common = had.len().min(token.len());
    let (old, new) = (had.get(..common)?, token.get(..common)?);
    *had = &had[common..];
    (old == new).then_some(&token[common..])
}

/// The result, unless it was stopped before.
async fn heed<T>(stop: &Notify, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.notified() => None,
        done = work => Some(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_passed_over_however_it_is_cut() {
        let unheard = |had: &str, tokens: &[&str]| {
            let mut had = had;
            let rest = tokens.iter().map(|token| unheard(&mut had, token)).collect::<Option<String>>();
            (rest, had.to_owned())
        };
        let text = |rest: &str, had: &str| (Some(rest.to_owned()), had.to_owned());
        assert_eq!(unheard("", &["a", "b"]), text("ab", ""));
        assert_eq!(unheard("one t", &["one", " two", " three"]), text("wo three", ""));
        assert_eq!(unheard("one two", &["on"]), text("", "e two"));
        assert_eq!(unheard("é", &["é!"]), text("!", ""));
        assert_eq!(unheard("one", &["ode"]).0, None);
        assert_eq!(unheard("é", &["e"]).0, None, "cut within a character");
    }
}
