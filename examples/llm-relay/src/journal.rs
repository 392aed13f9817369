//! What a run has said so far, on the disk before anyone sees it.
//!
//! A file for each run, `ID.jsonl`: a line for the prompt, one for each token, one for the end. It is removed when the
//! hub has the run whole.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sse_core::{Event, EventName};
use tokio::{fs::File, io::AsyncWriteExt, sync::watch};

/// A line of a journal, and an event in the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    Prompt(String),
    Token(String),
    /// The answer is whole. It is no event: the topic ends.
    Done,
    Stopped,
    Failed(String),
}

/// A run's events as a stream.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) stream: Vec<u8>,
    /// No more will come.
    pub(crate) over: bool,
}

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    pub(crate) prompt: String,
    /// The answer so far.
    pub(crate) text: String,
    said: watch::Sender<Said>,
}

impl Journal {
    /// Begins the journal of a new run.
    pub(crate) async fn create(data: &Path, id: &str, prompt: String) -> io::Result<Self> {
        let path = data.join(id).with_extension("jsonl");
        let mut journal = Self::of(path.clone(), fs::File::create_new(path)?);
        journal.write(vec![Line::Prompt(prompt)]).await?;
        Ok(journal)
    }

    /// The journals that are there, with the ids of their runs.
    pub(crate) fn all_in(data: &Path) -> impl Iterator<Item = io::Result<(String, Self)>> {
        let paths = fs::read_dir(data).into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).map(|path| {
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Self::open(path).map(|journal| (id, journal))
        })
    }

    /// A line that a crash has cut is taken away: it was not on the disk, so nobody has seen it.
    fn open(path: PathBuf) -> io::Result<Self> {
        let text = fs::read_to_string(&path)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let file = fs::File::options().append(true).open(&path)?;
        file.set_len(whole as u64)?;
        let mut journal = Self::of(path, file);
        for line in text[..whole].lines() {
            journal.note(serde_json::from_str(line)?);
        }
        Ok(journal)
    }

    fn of(path: PathBuf, file: fs::File) -> Self {
        let (prompt, text, said) = Default::default();
        Self { path, file: File::from_std(file), prompt, text, said }
    }

    /// Writes lines, and shows them when they are on the disk.
    pub(crate) async fn write(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let mut text = Vec::new();
        for line in &lines {
            serde_json::to_writer(&mut text, line)?;
            writeln!(text)?;
        }
        self.file.write_all(&text).await?;
        self.file.sync_data().await?;
        lines.into_iter().for_each(|line| self.note(line));
        Ok(())
    }

    /// Takes a line that is on the disk.
    fn note(&mut self, line: Line) {
        let named = |name, data: &str| Some(Event::builder().name(EventName::from_static(name)).data(data).build());
        let event = match &line {
            Line::Prompt(text) => named("prompt", text),
            Line::Token(text) => Some(Event::message(text.as_str())),
            Line::Done => None,
            Line::Stopped => named("stopped", ""),
            Line::Failed(why) => named("failed", why),
        };
        self.said.send_modify(|said| {
            said.over = matches!(line, Line::Done | Line::Stopped | Line::Failed(_));
            if let Some(event) = event {
                event.encode(&mut said.stream);
            }
        });
        match line {
            Line::Prompt(text) => self.prompt = text,
            Line::Token(text) => self.text += &text,
            _ => {}
        }
    }

    /// What was said, and what will be.
    pub(crate) fn said(&self) -> watch::Receiver<Said> {
        self.said.subscribe()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.said.borrow().over
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Keeps it where nobody goes on with it.
    pub(crate) fn set_aside(self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_journal_is_read_as_it_was_written_but_for_a_line_that_was_cut() {
        let data = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(data.path(), "a", "tea?".into()).await.unwrap();
        journal.write(["Y", "es\n", "\n ok"].map(|token| Line::Token(token.into())).into()).await.unwrap();
        drop(journal);
        let path = data.path().join("a.jsonl");
        let mut whole = fs::read(&path).unwrap();
        let length = whole.len();
        whole.extend(br#"{"token":"un"#);
        fs::write(&path, whole).unwrap();

        let (id, mut journal) = Journal::all_in(data.path()).next().unwrap().unwrap();
        assert_eq!((id.as_str(), journal.prompt.as_str(), journal.text.as_str()), ("a", "tea?", "Yes\n\n ok"));
        assert_eq!(fs::metadata(&path).unwrap().len(), length as u64);
        assert!(!journal.is_over());
        journal.write(vec![Line::Stopped]).await.unwrap();
        assert!(journal.is_over());
        let stream = String::from_utf8(journal.said().borrow().stream.clone()).unwrap();
        let expect = "event: prompt\ndata: tea?\n\ndata: Y\n\ndata: es\ndata:\n\ndata:\ndata:  ok\n\nevent: stopped\n";
        assert!(stream.replace("data: \n", "data:\n").starts_with(expect), "{stream}");

        journal.remove().unwrap();
        assert!(Journal::all_in(data.path()).next().is_none());
    }
}
