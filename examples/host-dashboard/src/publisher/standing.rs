//! What is said of the hub, and that it is said once.

/// Whether the last attempt failed.
#[derive(Debug, Default)]
pub(super) struct Standing {
    failing: bool,
}

impl Standing {
    /// Takes the outcome of an attempt; what is to be said, if it changes anything.
    pub(super) fn note(&mut self, failure: Option<&str>) -> Option<String> {
        match (failure, self.failing) {
            (Some(failure), false) => {
                self.failing = true;
                Some(format!("{failure}; trying again until it takes the readings"))
            }
            (None, true) => {
                self.failing = false;
                Some("takes the readings again".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_said_once() {
        let mut standing = Standing::default();
        assert_eq!(standing.note(None), None);
        let said = standing.note(Some("can't be reached (x)")).unwrap();
        assert_eq!(said, "can't be reached (x); trying again until it takes the readings");
        assert_eq!(standing.note(Some("can't be reached (x)")), None);
        assert_eq!(standing.note(Some("refuses the readings (y)")), None);
        assert_eq!(standing.note(None).as_deref(), Some("takes the readings again"));
        assert_eq!(standing.note(None), None);
    }
}
